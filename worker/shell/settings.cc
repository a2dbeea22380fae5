#include "worker/shell/settings.h"

#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/command_line/renderings.h"
#include "worker/execution/scratch_folder.h"
#include "worker/shell/control_groups.h"
#include "worker/shell/courtesy_options.h"

namespace extfarm {
namespace {

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? home : "/";
}

std::string default_rendezvous() {
  const char* named = std::getenv("EXTFARM_RENDEZVOUS");
  return named != nullptr && *named != '\0' ? named : home_folder() + "/.extfarm/workers";
}

// 0 when it is not set, or is no number.
std::uint64_t whole_variable(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
}

// None: auto.  What is one at least is whole, in digits alone.
Result<std::optional<double>> number_or_auto(const std::string& option, const std::string& text, double least, double most,
                                             const std::string& wanted) {
  if (text == "auto") return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_written_so = least < 1 || text.find_first_not_of("0123456789") == std::string::npos;
  if (!text.empty() && *end == '\0' && number >= least && number <= most && is_written_so) return number;
  return failure(ErrorCode::kInvalid, option + " is \"" + text + "\": give " + wanted + ", or auto");
}

}  // namespace

Result<WorkerSettings> read_worker_settings(int argc, char** argv, int& exit_code) {
  WorkerSettings settings;
  settings.rendezvous = default_rendezvous();
  settings.key_folder = home_folder() + "/.extfarm";
  double idle_seconds = 0;
  std::string slots = "auto", memory = "auto", speed = "auto", view = "auto", form;
  bool version = false;

  CLI::App app{
      "extfarm-worker runs compiles for the coordinators (extfarm run) of the lab.\n"
      "Start one on each machine that sees the shared filesystem; it announces itself in the\n"
      "rendezvous folder and admits only the keys of ~/.extfarm/authorized_keys.\n"
      "The first TERM, INT or USR1 lets running compiles end; the second stops them.",
      "extfarm-worker"};
  app.add_option("--bind", settings.bind, "Endpoint to listen on; a port of * takes any free one")
      ->capture_default_str();
  app.add_option("--advertise", settings.advertise, "Host name or address that others reach this machine by");
  app.add_option("--slots", slots, "How many compiles at once; auto: the processors this process may use")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--memory", memory, "GiB that compiles may use together, and each of their processes at most;\n"
                 "auto: what this machine, its cgroup or Slurm gives")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--speed", speed, "What this machine measures of itself when nothing else runs (worker.ready says it), for one\n"
                 "that is busy at its start; auto: measure")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--rendezvous", settings.rendezvous,
                 "Folder on the shared filesystem where workers announce themselves")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--root", settings.roots,
                 "Compiles may write (privately) only below this folder; may be repeated; default: anywhere")
      ->type_name("DIR");
  app.add_option("--trust", settings.trusted,
                 "Run compilers below this folder; may be repeated; default: /usr, /opt")
      ->type_name("DIR");
  app.add_flag("--only-compilers", settings.only_compilers,
               "Of what lies below the --trust folders run only compilers, linkers and archivers: no Cython, no generators");
  app.add_option("--scratch", settings.scratch,
                 "Local folder for private views; not on a network filesystem; default: in /dev/shm if that has a GiB\n"
                 "for each slot, else in /var/tmp")
      ->type_name("DIR");
  app.add_option("--key-folder", settings.key_folder, "Folder of worker.key and authorized_keys")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--label", settings.label, "Words that the beacon hands on to extfarm status, such as a batch system's job");
  app.add_option("--tools", settings.tools,
                 "File of what drivers answered to an earlier build on this host (~/.extfarm/tools.HOST)")
      ->type_name("FILE");
  app.add_option("--idle-exit", idle_seconds, "End after this many seconds without a coordinator")->type_name("SECONDS");
  app.add_option("--view", view, "auto, or direct: without namespaces")
      ->check(CLI::IsMember({"auto", "direct"}))
      ->capture_default_str();
  app.add_flag("--exit-with-parent", settings.exit_with_parent,
               "End at once when the process that started this one ends");
  CourtesyOptions courtesy(app, settings);
  app.add_flag("-q,--quiet", settings.quiet, "Say only what went wrong");
  app.add_flag("--version", version, "Say the version and end");
  app.add_option("--completions", form, "Print what this shell needs to complete these options, and end; man: the options for manual pages")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kForms), std::end(kForms))));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    exit_code = app.exit(e) == 0 ? 0 : 2;
    return failure(ErrorCode::kInvalid, "");
  }
  if (version || !form.empty()) {
    const std::string said = version ? "extfarm-worker " EXTFARM_VERSION "\n" : rendered(description_of(app), form);
    exit_code = std::fputs(said.c_str(), stdout) < 0;
    return failure(ErrorCode::kInvalid, "");
  }
  exit_code = 2;
  const auto slot_count = number_or_auto("--slots", slots, 1, 4096, "a number from 1 to 4096");
  if (!slot_count) return tl::unexpected(slot_count.error());
  const auto gib = number_or_auto("--memory", memory, 0.1, 1 << 20, "a number of GiB, at least 0.1");
  if (!gib) return tl::unexpected(gib.error());
  const auto measured = number_or_auto("--speed", speed, 1, 1e6, "a number from 1 to 1000000");
  if (!measured) return tl::unexpected(measured.error());
  settings.slots = *slot_count ? static_cast<std::uint32_t>(**slot_count) : count_slots();
  settings.memory_bytes = *gib ? static_cast<std::uint64_t>(**gib * (1 << 30)) : usable_memory_bytes();
  if (*measured) settings.measured_speed = static_cast<std::uint64_t>(**measured);
  if (const auto settled = courtesy.settle(); !settled) return tl::unexpected(settled.error());
  exit_code = 0;
  if (settings.scratch.empty()) settings.scratch = default_scratch(settings.slots);
  settings.direct = view == "direct";
  if (idle_seconds > 0) settings.idle_exit = from_seconds(idle_seconds);
  if (settings.roots.empty()) settings.roots = {"/"};
  if (settings.trusted.empty()) settings.trusted = {"/usr", "/opt"};
  return settings;
}

std::uint32_t count_slots() {
  cpu_set_t set;
  double count = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const auto quota = ControlGroups().processors()) count = std::min(count, *quota);
  if (const auto allocated = whole_variable("SLURM_CPUS_ON_NODE"); allocated > 0)
    count = std::min(count, static_cast<double>(allocated));
  return static_cast<std::uint32_t>(std::max(1.0, count));
}

std::uint64_t usable_memory_bytes() {
  std::uint64_t bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (const auto limit = ControlGroups().memory_bytes()) bytes = std::min(bytes, *limit);
  // In MiB; 0 is --mem=0, all of the node.
  const auto allocated = whole_variable("SLURM_MEM_PER_NODE"),
             for_each = whole_variable("SLURM_MEM_PER_CPU") * whole_variable("SLURM_CPUS_ON_NODE");
  if (const auto mib = allocated > 0 ? allocated : for_each; mib > 0) bytes = std::min(bytes, mib << 20);
  return bytes;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace extfarm
