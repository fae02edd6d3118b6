"""Exit statuses of the tools, and the one exception that ends them with a line and a status."""

BAD_USAGE = 240
PANIC = 241
RESET = 242
TIMEOUT = 243
MISSING = 244
BUILD = 245
QEMU = 246
LOADER = 247

TABLE = f"""\
exit status:
  0-127    the program's own status (--cmd), 0 for an interactive session that was left
  128+N    the program was killed by signal N (128-239 can also be its own status)
  {BAD_USAGE}      bad usage: unknown argument, bad value, missing host file; nothing was done
  {PANIC}      the kernel panicked
  {RESET}      the machine reset or stopped without a word (a triple fault)
  {TIMEOUT}      the guest did not end within --timeout seconds
  {MISSING}      a package is missing and cannot be installed
  {BUILD}      the build failed
  {QEMU}      QEMU itself failed
  {LOADER}      the loader refused to boot (no kernel, bad image, no memory)"""


class Stop(Exception):
    """Ends the tool: `message` is the one line on stderr (empty: it has been said),
    `status` the exit status."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
