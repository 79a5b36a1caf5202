"""Tables: reading, cleaning, validating and splitting them. Never imports torch."""
