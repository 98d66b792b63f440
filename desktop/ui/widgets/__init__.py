"""What pages are made of.

basics.py     labels, buttons, cards, rows: with names for screen readers from the start
banner.py     messages that stay until they are read          dialogs.py    questions and forms
table.py      a table of records with its looks and keys      listpage.py   title, search, filter, table, actions
logview.py    a log that may be very long                     terminal.py   a terminal on a stream
screen.py     the cells of a terminal                         plots.py      what changes over time
progress.py   long work that can be cancelled                aging.py     what becomes untrue by time alone
"""
