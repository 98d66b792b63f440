"""What an installer asks of the installed program; on this computer's processes and folders."""
