// Reads gcc-style command lines.  Knows the options that take a value, those
// that stop before an object exists, and how drivers name what they write.
#include "common/compiler/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

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

string_view extension(string_view path) {
  const auto name = base_name(path);
  const auto dot = name.rfind('.');
  return dot == string_view::npos || dot == 0 ? string_view{} : name.substr(dot);
}

template <std::size_t N>
bool contains(const std::array<string_view, N>& list, string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

enum class Family { kCompiler, kArchiver, kCython, kOther };

// "x86_64-linux-gnu-g++-12" is g++ behind a target and before a version.
Family family_of(string_view program) {
  string_view name = base_name(program);
  while (!name.empty() && (std::isdigit(static_cast<unsigned char>(name.back())) || name.back() == '.')) {
    name.remove_suffix(1);
  }
  if (!name.empty() && name.back() == '-') name.remove_suffix(1);
  static constexpr std::array<string_view, 10> kCompilers = {"gcc",     "g++",      "cc",    "c++", "clang",
                                                             "clang++", "gfortran", "flang", "c99", "c89"};
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

// Options whose value is the next argument when it is not joined to them.
constexpr std::array<string_view, 44> kTakesValue = {"-o",
                                                     "-x",
                                                     "-D",
                                                     "-U",
                                                     "-I",
                                                     "-L",
                                                     "-l",
                                                     "-include",
                                                     "-imacros",
                                                     "-idirafter",
                                                     "-iprefix",
                                                     "-iwithprefix",
                                                     "-iwithprefixbefore",
                                                     "-isysroot",
                                                     "-imultilib",
                                                     "-isystem",
                                                     "-iquote",
                                                     "-MF",
                                                     "-MT",
                                                     "-MQ",
                                                     "-MJ",
                                                     "-Xpreprocessor",
                                                     "-Xassembler",
                                                     "-Xlinker",
                                                     "-Xclang",
                                                     "-mllvm",
                                                     "-T",
                                                     "-u",
                                                     "-z",
                                                     "-e",
                                                     "-h",
                                                     "-A",
                                                     "-B",
                                                     "-G",
                                                     "-aux-info",
                                                     "-dumpdir",
                                                     "-dumpbase",
                                                     "-dumpbase-ext",
                                                     "--param",
                                                     "-wrapper",
                                                     "-target",
                                                     "--serialize-diagnostics",
                                                     "-arch",
                                                     "-index-store-path"};

constexpr std::array<string_view, 14> kAsksOnly = {"-###",
                                                   "-dumpversion",
                                                   "-dumpmachine",
                                                   "-dumpspecs",
                                                   "--version",
                                                   "--help",
                                                   "-v",
                                                   "-print-search-dirs",
                                                   "-dumpfullversion",
                                                   "--target-help",
                                                   "-print-multi-lib",
                                                   "-print-sysroot",
                                                   "-print-multiarch",
                                                   "-print-multi-directory"};

constexpr std::array<string_view, 32> kSourceExtensions = {
    ".c",   ".i",   ".ii",  ".m",   ".mi",  ".mm",  ".cc",  ".cp",  ".cxx", ".cpp", ".CPP",
    ".c++", ".C",   ".s",   ".S",   ".sx",  ".f",   ".for", ".ftn", ".F",   ".FOR", ".fpp",
    ".FPP", ".FTN", ".f90", ".f95", ".f03", ".f08", ".F90", ".F95", ".F03", ".F08"};

struct Parsed {
  std::vector<std::string> inputs;
  std::string output, language, makefile;
  bool compile_only = false, assembly_only = false, preprocess = false, syntax_only = false;
  bool md = false, mmd = false, through_preprocessor = false, local = false, split_dwarf = false;
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

void read_option(const std::vector<std::string>& argv, std::size_t& i, Parsed& parsed) {
  const std::string& arg = argv[i];
  if (arg == "-c")
    parsed.compile_only = true;
  else if (arg == "-S")
    parsed.assembly_only = true;
  else if (arg == "-E")
    parsed.stay("it only preprocesses (-E)");
  else if (arg == "-M" || arg == "-MM")
    parsed.stay("it only lists dependencies (-M)");
  else if (arg == "-MD")
    parsed.md = true;
  else if (arg == "-MMD")
    parsed.mmd = true;
  else if (arg == "-fsyntax-only")
    parsed.syntax_only = true;
  else if (arg.starts_with("-MF"))
    parsed.makefile = value_of(argv, i, "-MF");
  else if (arg.starts_with("-MJ") || arg == "-index-store-path") {
    parsed.stay("several compiles append to one file");
    value_of(argv, i, arg == "-index-store-path" ? arg : "-MJ");
  } else if (arg.starts_with("-Wp,"))
    read_preprocessor_option(string_view(arg).substr(4), parsed);
  else if (arg.starts_with("-fmodules") || arg.starts_with("-fcxx-modules"))
    parsed.stay("its module cache is not shared");
  else if (arg.starts_with("-fplugin=") || arg == "-wrapper" || arg.starts_with("-specs=")) {
    parsed.stay("it loads code into the compiler");
    if (arg == "-wrapper") ++i;
  } else if (arg.ends_with("=native") && arg.starts_with("-m"))
    parsed.stay("it is tuned to this processor (native)");
  else if (arg == "-flto=auto" || arg == "-flto=jobserver")
    parsed.stay("its link-time jobs are not counted in slots");
  else if (contains(kAsksOnly, arg) || arg.starts_with("-print-"))
    parsed.stay("it only asks the compiler");
  else if (arg.starts_with("-o") && !arg.starts_with("-object"))
    parsed.output = value_of(argv, i, "-o");
  else if (arg.starts_with("-x") && !arg.starts_with("-xH"))
    parsed.language = value_of(argv, i, "-x");
  else if (contains(kTakesValue, arg))
    ++i;
}

Parsed parse(const std::vector<std::string>& argv) {
  Parsed parsed;
  bool options_end = false;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& arg = argv[i];
    if (options_end || arg.empty() || arg[0] != '-') {
      if (!options_end && arg.starts_with("@")) parsed.stay("its options are in a response file");
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

bool is_header_output(const Parsed& parsed) {
  if (parsed.language.ends_with("-header")) return true;
  return std::any_of(parsed.inputs.begin(), parsed.inputs.end(), [](const std::string& input) {
    const auto ext = extension(input);
    return ext == ".h" || ext == ".hh" || ext == ".hpp" || ext == ".gch";
  });
}

void read_compile(const Parsed& parsed, CommandReading& out) {
  out.kind = ActionKind::kCompile;
  const bool typed = !parsed.language.empty() && parsed.language != "none";
  for (const auto& input : parsed.inputs) {
    if (typed || contains(kSourceExtensions, extension(input))) out.sources.push_back(input);
  }
  for (const auto& source : out.sources) {
    if (base_name(source).starts_with("conftest.")) {
      out.must_run_locally = true;
      out.local_reason = "it is a configure probe";
    }
  }
  if (!parsed.output.empty()) {
    out.outputs.push_back(parsed.output);
  } else if (!parsed.syntax_only) {
    for (const auto& source : out.sources) {
      out.outputs.push_back(std::string(stem(source)) + (parsed.assembly_only ? ".s" : ".o"));
    }
  }
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
    const auto name_start = main.size() - base_name(main).size();
    out.depfile = parsed.output.empty() ? std::string(stem(main)) + ".d"
                                        : main.substr(0, name_start) + std::string(stem(main)) + ".d";
  }
}

CommandReading read_archive(const std::vector<std::string>& argv) {
  CommandReading out;
  out.kind = ActionKind::kArchive;
  // "ar rcs lib.a a.o": the archive follows the operation letters.
  if (argv.size() >= 3) out.outputs.push_back(argv[2]);
  for (std::size_t i = 3; i < argv.size(); ++i) out.sources.push_back(argv[i]);
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
  if (parsed.output == "-") parsed.output.clear();
  out.must_run_locally = parsed.local;
  out.local_reason = parsed.reason;
  if (parsed.compile_only || parsed.assembly_only || parsed.syntax_only) {
    read_compile(parsed, out);
  } else {
    out.kind = ActionKind::kLink;
    out.sources = parsed.inputs;
    out.outputs.push_back(parsed.output.empty() ? "a.out" : parsed.output);
  }
  return out;
}

}  // namespace extfarm
