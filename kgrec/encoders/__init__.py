"""Text, knowledge and behaviour, each turned into vectors."""
