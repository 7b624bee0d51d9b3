"""Why a training gave no number: signs in its log, how it ended, and what to do about it."""
