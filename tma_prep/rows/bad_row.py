"""What is raised for one row."""


class BadRow(ValueError):
    """One row cannot be used; the text says what is wrong and the remedy, without the place."""
