"""Engines on other computers, and other ones on this: what the user's Docker contexts lead to.

endpoints.py      the contexts as endpoints: kind, address, certificates, or why one cannot be used
connect.py        an endpoint → a dialler for the engine's client (engine/client)
tls.py            TCP with client certificates, with half-close
ssh.py            ``docker system dial-stdio`` on the other computer, by the user's own ssh program
ssh_stream.py     one such process as a stream
askpass.py        what ssh asks, passed on to those who may answer
askpass_program.py  the program that ssh calls for it

ssh is OpenSSH's, as it is for the docker command, and not a library: all that the user has set up for it works
(jump hosts, ``Match``, certificates, hardware keys, agents, Kerberos), and known_hosts alone says who is trusted.
"""
