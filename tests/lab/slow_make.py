"""A make that compiles six files with warnings, slowly enough to be looked at while it runs."""

import os

from farm import program
from one_machine import OneMachine

FILES = [f"a_rather_long_name_of_a_source_file_{n}" for n in range(6)]
SOURCE = "int NAME(void) { int unused_variable_in_NAME = 1; return 2; }\n"
MAKEFILE = "OBJECTS = " + " ".join(f"{name}.o" for name in FILES) + """
all: $(OBJECTS)
%.o: %.c
\t@echo "about to compile $<"
\t@$(CC) -Wall -fno-diagnostics-show-caret -c $< -o $@
\t@echo ok
"""


class SlowMake(OneMachine):
    def setUp(self):
        super().setUp()
        self.lay_out({"Makefile": MAKEFILE, **{f"{name}.c": SOURCE.replace("NAME", name) for name in FILES}})
        self.compiler = self.path("tools", "gcc")
        os.makedirs(os.path.dirname(self.compiler))
        self.let_two_take(0.3)
        self.make = ("make", "-j4", f"CC={program('extfarm-cc')} {self.compiler}")

    def let_two_take(self, seconds):
        with open(self.compiler, "w", encoding="utf-8") as out:
            out.write(f'#!/bin/sh\ncase "$*" in *" -c "*file_[01].c*) sleep {seconds} ;; *" -c "*) sleep 0.2 ;; esac\nexec /usr/bin/gcc "$@"\n')
        os.chmod(self.compiler, 0o755)

    def start_other(self):
        """A second worker of two slots that runs this compiler."""
        return self.start_worker("other", "--trust", os.path.dirname(self.compiler), "--trust", "/usr", slots=2)
