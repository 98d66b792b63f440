"""The pages.

home/  containers.py  images.py  volumes.py  networks.py  logs.py  kubernetes/  settings/   one per place
services.py  nodes.py                           two more, of a swarm
container.py  project.py  image.py  volume.py  network.py  service.py   one object each, on the frame of detail.py
disk.py                                         what takes space, which Home leads to
shell.py  stats.py  files.py  log.py            tabs of those pages; log_range.py for the last
engines.py                                      the choice of the engine, and what ssh asks
run.py  search.py  build_dialog.py  image_forms.py  image_prune.py  image_removal.py   dialogs
container_operations.py                         operations of the list and of the page of one
"""
