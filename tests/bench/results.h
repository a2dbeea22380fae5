// What a benchmark found: printed as a table as it goes, written as JSON at the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace extfarm::bench {

// "--json FILE" and the rest of a command line.
struct Arguments {
  std::string json_path;
  std::vector<std::string> rest;
  // The one number that may follow.  Ends the program where something else does.
  std::uint64_t number(std::uint64_t otherwise) const {
    if (rest.empty()) return otherwise;
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(rest[0].c_str(), &end, 10);
    if (rest.size() == 1 && number > 0 && *end == '\0') return number;
    std::fprintf(stderr, "usage: [--json FILE] [NUMBER], of what is measured; not: %s\n", rest[0].c_str());
    std::exit(2);
  }
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      if (std::string(argv[i]) == "--json" && i + 1 < argc)
        json_path = argv[++i];
      else
        rest.emplace_back(argv[i]);
    }
  }
};

inline void write_results(const Arguments& arguments, const nlohmann::ordered_json& results) {
  if (!arguments.json_path.empty()) std::ofstream(arguments.json_path) << results.dump(1) << "\n";
}

}  // namespace extfarm::bench
