// Compilation databases and the shell's words in them; what is written of one
// is read again to the same words.
#include "coordinator/manifest/compilation_database.h"

#include "coordinator/manifest/shell_words.h"
#include "tests/fuzz/graph_file.h"

namespace {

// The words in quotes that keep everything.
std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    out += '\'';
    for (const char c : word) {
      if (c == '\'')
        out += "'\\''";
      else
        out += c;
    }
    out += "' ";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const auto text = fuzz::text_of(data, size);
  fuzz::check_graph(text, manifest::read_compilation_database, manifest::read_compilation_database_step);
  if (const auto words = manifest::split_command(text)) {
    const auto again = manifest::split_command(quoted(*words));
    FARM_CHECK(again && *again == *words);
  }
  return 0;
}
