"""The registers that cudaFuncGetAttributes tells must be those that ptxas printed for the device's architecture.
usage: check_registers.py CUDASIM PROGRAM LOG_OF_PTXAS"""
import pathlib
import re
import subprocess
import sys

cudasim, program, log = sys.argv[1:]
text = pathlib.Path(log).read_text()
used = {}
for arch, body in re.findall(r"Compiling entry function '[^']+' for 'sm_(\d+)'(?s:(.*?))(?=Compiling entry|\Z)", text):
    name = re.search(r"Function properties for (\S+)", body).group(1)
    used.setdefault(arch, {})[name] = int(re.search(r"Used (\d+) registers", body).group(1))

failed = 0
for arch in ("80", "90", "120"):
    output = subprocess.run([cudasim, "--device", f"sm_{arch}", program], capture_output=True, text=True, check=True).stdout
    told = {name: int(count) for name, count in (line.split() for line in output.splitlines())}
    if len(told) < 6 or told != used.get(arch):
        print(f"sm_{arch}: cudasim tells {told}, ptxas {used.get(arch)}")
        failed += 1
    else:
        print(f"sm_{arch}: {told}")
sys.exit(failed != 0)
