"""Runs a fuzzer once over each case of a corpus kept as text: one case a line, in hexadecimal."""
import os
import pathlib
import subprocess
import sys
import tempfile

fuzzer, corpus = sys.argv[1:3]
with tempfile.TemporaryDirectory() as folder:
    cases = pathlib.Path(corpus).read_text().split()
    for number, case in enumerate(cases):
        pathlib.Path(folder, f'{number:04}').write_bytes(bytes.fromhex(case))
    environment = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}
    ran = subprocess.run([fuzzer, '-runs=0', folder], env=environment)
print(len(cases), 'cases')
sys.exit(ran.returncode)
