"""Output formats: `write(audit, directory)`, one file a format."""
