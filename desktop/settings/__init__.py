"""What users can set.

fields.py      what a setting is: title, help, bounds, when it applies     schema.py  the settings, declared once
changes.py     text in, new settings out, as pure functions                store.py   the file, written atomically
migrations.py  brings older files up to date                               shares.py  which folders can be shared
validation.py  what dockerd says of one that it refuses         phrases.py  sentences that can be translated
daemon.py, windows_daemon.py  what dockerd's daemon.json may contain       spelling.py  which name was meant
"""
