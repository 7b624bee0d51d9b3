"""The figures of a report: each module makes those of one kind from a chapter's runs and rows."""
