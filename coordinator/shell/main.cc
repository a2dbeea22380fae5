// extfarm: reads the command line and hands over.
#include <CLI/CLI.hpp>

#include "coordinator/shell/commands.h"

int main(int argc, char** argv) {
  using namespace extfarm;
  CLI::App app{
      "extfarm builds the C, C++, Cython and Fortran extensions of a project on every machine in the lab.\n"
      "  extfarm run -- python3 setup.py build_ext --inplace\n"
      "gives the same bytes as the command alone, sooner. Start extfarm-worker on each lab machine\n"
      "that sees the shared filesystem; without any, the build runs on this machine's cores.",
      "extfarm"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "extfarm " EXTFARM_VERSION);
  SharedOptions shared;
  BuildCommands builds(app, shared);
  LabCommands lab(app, shared);
  RecordCommands records(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (const auto code = builds.run()) return *code;
  if (const auto code = lab.run()) return *code;
  return records.run().value_or(2);
}
