#include "common/compiler/driver_options.h"

#include <algorithm>
#include <array>

namespace extfarm {
namespace {

using std::string_view;

// Sorted, for binary search.
constexpr std::array kTakesNextWord = std::to_array<string_view>({
    "--config", "--param", "--serialize-diagnostics", "--sysroot", "-A", "-B", "-D", "-F", "-G", "-I", "-J", "-L",
    "-MF", "-MJ", "-MQ", "-MT", "-T", "-U", "-Xanalyzer", "-Xassembler", "-Xclang", "-Xlinker", "-Xopenmp-target",
    "-Xpreprocessor", "-arch", "-aux-info", "-cxx-isystem", "-dumpbase", "-dumpbase-ext", "-dumpdir", "-e",
    "-fdebug-compilation-dir", "-framework", "-h", "-idirafter", "-iframework", "-imacros", "-imultilib", "-include",
    "-include-pch", "-index-store-path", "-iprefix", "-iquote", "-isysroot", "-isystem", "-isystem-after",
    "-ivfsoverlay", "-iwithprefix", "-iwithprefixbefore", "-iwithsysroot", "-l", "-mllvm", "-o", "-resource-dir",
    "-serialize-diagnostics", "-target", "-u", "-wrapper", "-x", "-z"});
static_assert(std::is_sorted(kTakesNextWord.begin(), kTakesNextWord.end()));

constexpr std::array kAsksOnly = std::to_array<string_view>(
    {"--help", "--print", "--target-help", "--version", "-###", "-dumpfullversion", "-dumpmachine", "-dumpspecs",
     "-dumpversion", "-print", "-v", "--verbose", "-help"});

constexpr std::array kLongSpellings = std::to_array<string_view>(
    {"--all-warnings", "--ansi", "--assemble", "--assert", "--classpath", "--comments", "--compile", "--debug",
     "--define-macro", "--dependencies", "--dump", "--extra-warnings", "--force-link", "--imacros", "--include",
     "--include-barrier", "--include-directory", "--include-directory-after", "--include-prefix",
     "--include-with-prefix", "--include-with-prefix-after", "--include-with-prefix-before", "--language",
     "--library-directory", "--no-line-commands", "--no-standard-includes", "--no-warnings", "--optimize",
     "--output", "--prefix", "--preprocess", "--profile", "--shared", "--static", "--trace-includes",
     "--traditional", "--undefine-macro", "--user-dependencies", "--write-dependencies", "--write-user-dependencies"});

constexpr std::array kLooksElsewhere = std::to_array<string_view>(
    {"-F", "-I-", "-cxx-isystem", "-iframework", "-imultilib", "-iprefix", "-isystem-after", "-ivfsoverlay", "-iwithprefix",
     "-iwithsysroot", "-stdlib++-isystem"});

constexpr std::array kSourceEndings = std::to_array<string_view>(
    {".C",   ".CPP", ".F",   ".F03", ".F08", ".F90", ".F95", ".FOR", ".FPP", ".FTN", ".S",   ".c",  ".c++",
     ".cc",  ".cp",  ".cpp", ".cxx", ".f",   ".f03", ".f08", ".f90", ".f95", ".for", ".fpp", ".ftn", ".i",
     ".ii",  ".m",   ".mi",  ".mm",  ".s",   ".sx"});
static_assert(std::is_sorted(kSourceEndings.begin(), kSourceEndings.end()));

// Options after whose "=" a file to be written comes.
constexpr std::array kWritesAfterEquals = std::to_array<string_view>(
    {"-fopt-info", "-fdump-", "-foptimization-record-file", "-ftime-trace=", "-fcrash-diagnostics-dir",
     "-fdiagnostics-add-output", "-fdbg-cnt-list"});
constexpr std::array kLinkerWrites = std::to_array<string_view>(
    {"-Map", "--Map", "--out-implib", "--dependency-file", "--cref-file", "--print-map-file"});
constexpr std::array kLinkerReads = std::to_array<string_view>(  // and does not list, or not where they are missing
    {"--retain-symbols-file", "--symbol-ordering-file", "--section-ordering-file", "--call-graph-ordering-file",
     "--remap-inputs-file", "--export-dynamic-symbol-list", "--lto-sample-profile", "--just-symbols"});
constexpr std::array kReadsAfterEquals = std::to_array<string_view>(
    {"-fprofile-use=", "-fauto-profile=", "-fprofile-sample-use=", "-fprofile-instr-use=", "-fprofile-instrument-use=",
     "-fprofile-remapping-file=", "-fprofile-list="});

constexpr std::array kBindings =  // the linker's own -B
    std::to_array<string_view>({"-Bstatic", "-Bdynamic", "-Bsymbolic", "-Bsymbolic-functions"});

// Without the dashes before it; the code's path follows at once, after "=", or as the next word.
constexpr std::array kLoads = std::to_array<string_view>(
    {"specs", "prefix", "wrapper", "fplugin", "iplugindir", "fpass-plugin", "config", "config-system-dir", "config-user-dir",
     "ld-path", "gcc-toolchain", "gcc-install-dir", "plugin", "load", "load-pass-plugin", "add-plugin", "cc1", "cc1as",
     "ccc-install-dir", "ccc-gcc-name", "cuda-path", "hip-path", "ptxas-path", "rocm-path", "sysroot",
     "error-handling-script"});

template <class List>
bool has(const List& list, string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

template <class List>
bool starts_with_any(string_view word, const List& list) {
  return std::any_of(list.begin(), list.end(), [&](string_view start) { return word.starts_with(start); });
}

string_view file_name(string_view path) {
  const auto slash = path.rfind('/');
  return slash == string_view::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> pieces_of(string_view text) {  // between commas
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string after_equals(string_view word) {
  const auto equals = word.find('=');
  return equals == string_view::npos ? std::string() : std::string(word.substr(equals + 1));
}

// What the driver hands on to its parts, word by word, beside its own words.
std::vector<std::string> flattened(const std::vector<std::string>& argv) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    string_view word = argv[i];
    if (word.starts_with("-Wl,") || word.starts_with("-Wp,")) {
      for (auto& piece : pieces_of(word.substr(4))) out.push_back(std::move(piece));
    } else if (word == "-Xlinker" || word == "--for-linker" || word == "-Xclang" || word == "-Xpreprocessor" ||
               word == "-mllvm" || word.starts_with("-Xarch")) {
      continue;  // its value is the next word, seen as one of its own
    } else {
      for (const string_view with_value : {"-Xclang=", "--for-linker="}) {
        if (word.starts_with(with_value)) word.remove_prefix(with_value.size());
      }
      out.emplace_back(word);
    }
  }
  return out;
}

void add_assembler_files(string_view options, NamedPaths& out) {  // after "-Wa,"
  const auto pieces = pieces_of(options);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].starts_with("-a") && pieces[i].find('=') != std::string::npos)
      out.written.push_back(after_equals(pieces[i]));
    else if (pieces[i] == "--MD" && i + 1 < pieces.size())
      out.written.push_back(pieces[++i]);
    else if (pieces[i].starts_with("@"))
      out.read.push_back(pieces[i].substr(1));
  }
}

}  // namespace

bool takes_next_word(string_view option) {
  return std::binary_search(kTakesNextWord.begin(), kTakesNextWord.end(), option) || option.starts_with("-Xarch_");
}

bool only_asks(string_view option) {
  return has(kAsksOnly, option) || option.starts_with("-print-") || option.starts_with("--print-") ||
         option.starts_with("--help=");
}

bool is_long_spelling(string_view option) { return has(kLongSpellings, option.substr(0, option.find('='))); }

string_view file_ending(string_view path) {
  const auto name = file_name(path);
  const auto dot = name.rfind('.');
  return dot == string_view::npos || dot == 0 ? string_view{} : name.substr(dot);
}

bool looks_elsewhere(string_view option, string_view next) {
  if (option.starts_with("-Wp,")) {
    for (const auto& piece : pieces_of(option.substr(4))) {
      if (looks_elsewhere("-Xpreprocessor", piece)) return true;
    }
    return false;
  }
  if (option == "-Xpreprocessor" || option == "-Xclang")
    return next.starts_with("-I") || (next.starts_with("-i") && !next.starts_with("-include") && next != "-imacros");
  if (starts_with_any(option, kLooksElsewhere)) return true;
  for (const string_view with_folder : {"-I", "-iquote", "-isystem", "-idirafter"}) {
    if (!option.starts_with(with_folder)) continue;
    const auto folder = option == with_folder ? next : option.substr(with_folder.size());
    if (folder.starts_with('=') || folder.starts_with("$SYSROOT")) return true;
  }
  return false;
}

bool is_source_name(string_view path) {
  return std::binary_search(kSourceEndings.begin(), kSourceEndings.end(), file_ending(path));
}

bool is_fortran(string_view source, string_view language) {
  if (!language.empty() && language != "none") return language.starts_with("f77") || language.starts_with("f95");
  const auto ending = file_ending(source);
  return is_source_name(source) && (ending.starts_with(".f") || ending.starts_with(".F"));
}

NamedPaths named_paths(const std::vector<std::string>& argv) {
  NamedPaths out;
  constexpr string_view kPrecompiled = "-include-pch";
  if (std::any_of(argv.begin(), argv.end(), [&](const auto& word) { return word.ends_with(kPrecompiled); })) {
    const auto handed_on = flattened(argv);
    for (std::size_t i = 0; i + 1 < handed_on.size(); ++i) {
      if (handed_on[i] == kPrecompiled) out.read.push_back(handed_on[i + 1]);
    }
  }
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const string_view word = argv[i];
    const bool has_next = i + 1 < argv.size();
    if (word == "-MF" || word == "-aux-info" || word == "--serialize-diagnostics" || word == "-serialize-diagnostics") {
      if (has_next) out.written.push_back(argv[++i]);
    } else if (word.starts_with("-MF")) {
      out.written.emplace_back(word.substr(3));
    } else if (word == "-J" || word.starts_with("-J")) {
      const bool joined = word.size() > 2;
      if (joined || has_next) out.written.push_back((joined ? std::string(word.substr(2)) : argv[++i]) + "/");
    } else if (word == "-dumpdir" && has_next) {
      out.written.push_back(argv[++i]);
    } else if (word.starts_with("-Wp,-MD,") || word.starts_with("-Wp,-MMD,")) {
      out.written.push_back(pieces_of(word)[2]);
    } else if (word.starts_with("-Wa,")) {
      add_assembler_files(word.substr(4), out);
    } else if (starts_with_any(word, kWritesAfterEquals)) {
      if (auto file = after_equals(word); !file.empty()) out.written.push_back(std::move(file));
    } else if (starts_with_any(word, kReadsAfterEquals)) {
      out.read.push_back(after_equals(word));
    } else if (word.starts_with("-Wl,")) {
      const auto pieces = pieces_of(word.substr(4));
      for (std::size_t p = 0; p < pieces.size(); ++p) {
        const bool reads = starts_with_any(pieces[p], kLinkerReads);
        if (!reads && !starts_with_any(pieces[p], kLinkerWrites)) continue;
        auto& files = reads ? out.read : out.written;
        if (auto file = after_equals(pieces[p]); !file.empty())
          files.push_back(std::move(file));
        else if (p + 1 < pieces.size())
          files.push_back(pieces[++p]);
      }
    } else if (takes_next_word(word)) {
      ++i;
    }
  }
  return out;
}

std::vector<LoadedCode> loaded_code(const std::vector<std::string>& argv) {
  std::vector<LoadedCode> out;
  const auto words = flattened(argv);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const string_view word = words[i];
    const std::string next = i + 1 < words.size() ? words[i + 1] : std::string();
    if (word.starts_with("@")) {  // left after expansion: a part of the compiler may still read it
      out.push_back({"@", words[i].substr(1)});
    } else if (word.starts_with("-B") && !has(kBindings, word)) {
      out.push_back({"-B", word == "-B" ? next : std::string(word.substr(2))});
    } else if (word.starts_with("-fuse-ld=")) {
      if (word.find('/') != string_view::npos) out.push_back({"-fuse-ld", after_equals(word)});
    } else if (word.starts_with("-fcompare-debug=")) {  // words of a second compile
      out.push_back({"-fcompare-debug", after_equals(word)});
    } else if (word.starts_with("-fmodule-mapper")) {  // "|program words"; a file's name is none
      const std::string mapper = word.find('=') != string_view::npos ? after_equals(word) : next;
      if (mapper.starts_with('|')) out.push_back({"-fmodule-mapper", mapper.substr(1)});
    } else if (word.starts_with('-')) {
      const string_view option = word.substr(0, word.find('='));
      const string_view name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
      if (!has(kLoads, name)) continue;
      // clang takes its linker from a sysroot; gcc only its headers and libraries.
      if (name == "sysroot" && file_name(argv[0]).find("clang") == string_view::npos) continue;
      std::string path = option.size() < word.size() ? after_equals(word) : next;
      if (name == "wrapper") path = path.substr(0, path.find(','));
      out.push_back({std::string(option), std::move(path)});
    }
  }
  return out;
}

}  // namespace extfarm
