"""Stores of a home: the Protocol, SQLite (the default) and memory."""
