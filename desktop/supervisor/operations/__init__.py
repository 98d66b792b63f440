"""Operations: what can be asked of the supervisor besides starting and stopping.

disk.py            the data disk: figures, growth, check        images.py          system images
docker_context.py  which engine the docker command talks to     credentials.py     credential helpers that are gone
guest_logs.py      the guest's logs, and the way in by ssh      support.py         diagnosis and support bundle
desktop_entry.py   the applications menu, starting at login     daemon_json.py     dockerd's word on its settings
engine_reload.py   those it takes while it runs
reset.py           what each level of a reset deletes           debug.py           tasks, gate and queues as JSON
windows_setup.py   the engine of Windows containers, set up and removed    windows_settings.py  its daemon.json
"""
