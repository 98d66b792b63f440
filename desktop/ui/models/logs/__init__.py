"""Logs as lines: read, merged by time, filtered and searched.

lines.py    lines from what the engine sends     levels.py   how bad a line is, from its text
ansi.py     its colours and links                moments.py  times, as they are shown and typed
book.py     the lines that are held and shown    search.py   all matches in them, and the way between these
looks.py    how logs were left
"""
