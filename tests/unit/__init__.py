"""The parts by themselves. Servers, agents and programs of the guest that they talk to are beside the tests:

carriers.py, link_agent.py, sshd.py      ways into the machine: in memory, by the fast link, by a real SSH server
eventful_engine.py, local_server.py      an engine that sends events; any server on a Unix socket
fake_qemu.py, machine_kit.py             a QEMU whose faults are to order, and a machine with it
mock_clock.py                            a loop whose waits take no time
guest_program.py                         the guest's programs, compiled for the host
"""
