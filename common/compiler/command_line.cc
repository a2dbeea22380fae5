// Reads gcc-style command lines.  Knows the options that stop before an object
// exists, and how drivers name what they write.
#include "common/compiler/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "common/compiler/driver_options.h"

namespace extfarm {
namespace {

using std::string_view;

string_view base_name(string_view path) {
  const auto slash = path.rfind('/');
  return slash == string_view::npos ? path : path.substr(slash + 1);
}

string_view stem(string_view path) {
  const auto name = base_name(path);
  const auto dot = name.rfind('.');
  return dot == string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

enum class Family { kCompiler, kArchiver, kCython, kOther };

// "x86_64-linux-gnu-g++-12" is g++ behind a target and before a version.
Family family_of(string_view program) {
  string_view name = base_name(program);
  if (name == "c89" || name == "c99") return Family::kCompiler;
  while (!name.empty() && (std::isdigit(static_cast<unsigned char>(name.back())) || name.back() == '.')) {
    name.remove_suffix(1);
  }
  if (!name.empty() && name.back() == '-') name.remove_suffix(1);
  static constexpr std::array<string_view, 8> kCompilers = {"gcc",     "g++",      "cc",    "c++", "clang",
                                                             "clang++", "gfortran", "flang"};
  static constexpr std::array<string_view, 3> kArchivers = {"ar", "gcc-ar", "llvm-ar"};
  const auto ends_with_tool = [&](string_view tool) {
    return name == tool ||
           (name.size() > tool.size() && name.ends_with(tool) && name[name.size() - tool.size() - 1] == '-');
  };
  if (std::any_of(kArchivers.begin(), kArchivers.end(), ends_with_tool)) return Family::kArchiver;
  if (std::any_of(kCompilers.begin(), kCompilers.end(), ends_with_tool)) return Family::kCompiler;
  if (name == "cython") return Family::kCython;
  return Family::kOther;
}

struct Parsed {
  std::vector<std::string> inputs;
  std::string output, language, makefile;
  bool compile_only = false, assembly_only = false, preprocess = false, syntax_only = false;
  bool md = false, mmd = false, through_preprocessor = false, local = false, native = false, emits_llvm = false,
       prints = false;  // its output goes to stdout
  std::optional<bool> preprocesses_fortran;  // -cpp, -nocpp
  std::string reason;

  void stay(const char* why) {
    if (!local) reason = why;
    local = true;
  }
};

// The value of the option at `i` (joined or next); advances `i` past a separate one.
std::string value_of(const std::vector<std::string>& argv, std::size_t& i, string_view option) {
  if (argv[i].size() > option.size()) return argv[i].substr(option.size());
  if (i + 1 < argv.size()) return argv[++i];
  return {};
}

void read_preprocessor_option(string_view option, Parsed& parsed) {  // after "-Wp,"
  const bool user = option.starts_with("-MMD,");
  if (!user && !option.starts_with("-MD,")) return;
  parsed.through_preprocessor = true;
  parsed.mmd = user;
  option.remove_prefix(user ? 5 : 4);
  parsed.makefile = option.substr(0, option.find(','));
}

// gcc makes up the name of each object's profile, whatever the option says; clang that of its only one.
bool makes_up_profile(string_view option, string_view driver) {
  static constexpr std::array<string_view, 4> kBare = {"-fprofile-use", "-fprofile-instr-use", "-fauto-profile", "-fbranch-probabilities"};
  return std::find(kBare.begin(), kBare.end(), option) != kBare.end() || 
         (option.starts_with("-fprofile-use=") && base_name(driver).find("clang") == string_view::npos);
}

// Options that decide how far the driver goes; whether it was one.
bool read_stage(string_view arg, Parsed& parsed) {
  if (arg == "-c")
    parsed.compile_only = true;
  else if (arg == "-S")
    parsed.assembly_only = true;
  else if (arg == "-fsyntax-only")
    parsed.syntax_only = true;
  else if (arg == "-E")
    parsed.stay("it only preprocesses (-E)");
  else if (arg == "-M" || arg == "-MM")
    parsed.stay("it only lists dependencies (-M)");
  else if (only_asks(arg))
    parsed.stay("it only asks the compiler");
  else
    return false;
  return true;
}

void read_option(const std::vector<std::string>& argv, std::size_t& i, Parsed& parsed) {
  const std::string& arg = argv[i];
  if (looks_elsewhere(arg, i + 1 < argv.size() ? argv[i + 1] : string_view()))
    parsed.stay("extfarm does not follow where it looks for headers");
  if (makes_up_profile(arg, argv[0])) parsed.stay("only the compiler knows the name of its profile");
  if (arg.starts_with("-fthinlto-index=")) parsed.stay("its index names further files");
  if (read_stage(arg, parsed)) return;
  if (arg == "-MD")
    parsed.md = true;
  else if (arg == "-MMD")
    parsed.mmd = true;
  else if (arg == "-cpp" || arg == "-nocpp")
    parsed.preprocesses_fortran = arg == "-cpp";
  else if (arg == "-emit-llvm")
    parsed.emits_llvm = true;
  else if (arg.starts_with("-MF"))
    parsed.makefile = value_of(argv, i, "-MF");
  else if (arg.starts_with("-MJ") || arg == "-index-store-path") {
    parsed.stay("several compiles append to one file");
    value_of(argv, i, arg == "-index-store-path" ? arg : "-MJ");
  } else if (arg.starts_with("-Wp,"))
    read_preprocessor_option(string_view(arg).substr(4), parsed);
  else if (arg.starts_with("-fmodule") || arg.starts_with("-fcxx-modules") || arg.starts_with("-fprebuilt-module"))
    parsed.stay("its module cache is not shared");
  else if (arg.ends_with("=native") && arg.starts_with("-m"))
    parsed.native = true;
  else if (arg == "-flto=jobserver")
    parsed.stay("it takes its jobs from this make (-flto=jobserver)");
  else if (is_long_spelling(arg))
    parsed.stay("it has an option in its long spelling");
  else if (arg.starts_with("-o") && !arg.starts_with("-object"))
    parsed.output = value_of(argv, i, "-o");
  else if (arg.starts_with("-x") && !arg.starts_with("-xH"))
    parsed.language = value_of(argv, i, "-x");
  else if (takes_next_word(arg))
    ++i;
}

Parsed parse(const std::vector<std::string>& argv) {
  Parsed parsed;
  bool options_end = false;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& arg = argv[i];
    if (options_end || arg.empty() || arg[0] != '-') {
      parsed.inputs.push_back(arg);
    } else if (arg == "-") {
      parsed.stay("it reads standard input");
    } else if (arg == "--") {
      options_end = true;
    } else {
      read_option(argv, i, parsed);
    }
  }
  return parsed;
}

Fortran fortran_of(const Parsed& parsed) {
  const bool is_typed = !parsed.language.empty() && parsed.language != "none";
  bool has_fortran = false, has_plain = false;
  for (const auto& input : parsed.inputs) {
    if (!is_fortran(input, parsed.language)) continue;
    has_fortran = true;
    const auto ending = file_ending(input);
    const bool is_plain = is_typed ? !parsed.language.ends_with("-cpp-input") : ending.starts_with(".f") && ending != ".fpp";
    has_plain = has_plain || !parsed.preprocesses_fortran.value_or(!is_plain);
  }
  return !has_fortran ? Fortran::kNone : has_plain ? Fortran::kPlain : Fortran::kPreprocessed;
}

bool is_header_output(const Parsed& parsed) {
  if (parsed.language.ends_with("-header")) return true;
  return std::any_of(parsed.inputs.begin(), parsed.inputs.end(), [](const std::string& input) {
    const auto ext = file_ending(input);
    return ext == ".h" || ext == ".hh" || ext == ".hpp" || ext == ".gch";
  });
}

void read_depfile_name(const Parsed& parsed, CommandReading& out) {
  if (parsed.through_preprocessor)
    out.dependency_style = DependencyStyle::kThroughPreprocessor;
  else if (parsed.mmd)
    out.dependency_style = DependencyStyle::kMakefileUserHeaders;
  else if (parsed.md)
    out.dependency_style = DependencyStyle::kMakefileAllHeaders;
  if (out.dependency_style == DependencyStyle::kNone) return;
  out.depfile = parsed.makefile;
  if (out.depfile.empty() && !out.outputs.empty()) {
    const auto& main = out.outputs.front();
    const auto name_start = parsed.output.empty() ? 0 : main.size() - base_name(main).size();
    out.depfile = main.substr(0, name_start) + std::string(stem(main)) + ".d";
  }
}

// Autoconf tries the compiler with conftest.c, Meson with testfile.c in a temporary folder, which may be this host's own.
bool is_probe(const Parsed& parsed) {
  const string_view output = base_name(parsed.output);
  const string_view folder = string_view(parsed.output).substr(0, parsed.output.size() - output.size());
  const bool may_be_meson = folder.starts_with('/') && (output == "output.obj" || output == "output.exe");
  return std::any_of(parsed.inputs.begin(), parsed.inputs.end(), [&](string_view input) {
    const string_view name = base_name(input);
    return name.starts_with("conftest.") || (may_be_meson && name.starts_with("testfile.") &&
                                             input.substr(0, input.size() - name.size()) == folder);
  });
}

void read_compile(const Parsed& parsed, CommandReading& out) {
  out.kind = ActionKind::kCompile;
  const bool typed = !parsed.language.empty() && parsed.language != "none";
  for (const auto& input : parsed.inputs) {
    if (typed || is_source_name(input)) out.sources.push_back(input);
  }
  if (!parsed.output.empty()) {
    out.outputs.push_back(parsed.output);
  } else if (!parsed.syntax_only && !parsed.prints) {
    for (const auto& source : out.sources) {
      const char* assembly = parsed.emits_llvm ? ".ll" : ".s";
      const char* ending = parsed.assembly_only ? assembly : parsed.emits_llvm ? ".bc" : ".o";
      out.outputs.push_back(std::string(stem(source)) + ending);
    }
  }
  read_depfile_name(parsed, out);
}

// "ar rcs lib.a a.o": the archive follows the operation's letters, and before
// it a member's name where one of a, b, i is among them, a count for N.
CommandReading read_archive(const std::vector<std::string>& argv) {
  CommandReading out;
  out.kind = ActionKind::kArchive;
  const auto stay = [&](const char* why) {
    out.must_run_locally = true;
    out.local_reason = why;
    return out;
  };
  std::size_t at = 1;
  for (; at < argv.size() && argv[at].starts_with("--"); ++at) {
    if (argv[at] == "--plugin" || argv[at] == "--target") ++at;
  }
  if (at >= argv.size()) return stay("it names no archive");
  string_view letters = argv[at++];
  if (letters.starts_with('-')) letters.remove_prefix(1);
  if (letters.find('M') != string_view::npos) return stay("it reads standard input");
  if (letters.find_first_of("pt") != string_view::npos) return stay("it only asks the archiver");
  if (letters.find_first_of("abi") != string_view::npos) ++at;
  if (letters.find('N') != string_view::npos) ++at;
  if (at >= argv.size()) return stay("it names no archive");
  out.outputs.push_back(argv[at]);
  out.sources.assign(argv.begin() + static_cast<std::ptrdiff_t>(at) + 1, argv.end());
  return out;
}

}  // namespace

CommandReading read_command_line(const std::vector<std::string>& argv) {
  CommandReading out;
  if (argv.empty()) return out;
  const Family family = family_of(argv[0]);
  if (family == Family::kArchiver) return read_archive(argv);
  if (family != Family::kCompiler) return out;

  Parsed parsed = parse(argv);
  if (parsed.inputs.empty()) parsed.stay("it names no input");
  if (is_header_output(parsed)) parsed.stay("it makes a precompiled header");
  out.fortran = fortran_of(parsed);
  if (out.fortran != Fortran::kNone && base_name(argv[0]).find("flang") != string_view::npos)
    parsed.stay("flang does not tell which modules it has read");
  const bool stops_early = parsed.compile_only || parsed.assembly_only || parsed.syntax_only;
  if (stops_early && parsed.output == "-") parsed.output.clear(), parsed.prints = true;  // a link makes a file "-"
  out.must_run_locally = parsed.local;
  out.local_reason = parsed.reason;
  out.is_tuned_to_processor = parsed.native;
  if (stops_early) {
    read_compile(parsed, out);
  } else {
    out.kind = ActionKind::kLink;
    out.sources = parsed.inputs;
    out.outputs.push_back(parsed.output.empty() ? "a.out" : parsed.output);
    read_depfile_name(parsed, out);
  }
  if (is_probe(parsed)) {
    out.must_run_locally = true;
    out.local_reason = "it is a configure probe";
  }
  return out;
}

}  // namespace extfarm
