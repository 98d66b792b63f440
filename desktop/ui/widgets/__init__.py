"""The parts that pages consist of.

basics.py       labels, buttons and cards, with accessible names    banner.py   messages over the page
table.py        a table of records                                  dialogs.py  questions and forms
listpage.py     a page with a list: search, filter, operations      sidebar.py  the places
empty_state.py  shown in place of an empty list                     plots.py    values over time
filter_menu.py  a menu of filters for a search field                jsontree.py any JSON value, as a tree
chips.py        filters to choose one of, with numbers              columns.py  which columns a table shows
progress.py     a long operation that can be cancelled              periodic_refresh.py  values that age
logview.py      a log that may be very long                         logtext.py  its text, loglooks.py its colours
terminal.py     a terminal                                          screen.py   its cells
dot.py          a dot in the colour of a state                      trend.py    a line without axes
treemap.py      tiles as large as what they are
"""
