"""What is read off records: rows, tables, reports, comparisons."""
