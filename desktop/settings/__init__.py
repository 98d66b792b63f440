"""What a person may decide: schema.py says what there is, store.py keeps it, migrations.py brings old files up.

daemon.py  what dockerd's daemon.json may say       shares.py  which folders can be shared
"""
