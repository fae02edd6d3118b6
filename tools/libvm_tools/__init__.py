"""What tools/run, tools/test and tools/bench share. Python 3.11 of Debian 12, nothing else."""
