// What a benchmark found: printed as a table as it goes, written as JSON at the end.
#pragma once

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace extfarm::bench {

// "--json FILE" and the rest of a command line.
struct Arguments {
  std::string json_path;
  std::vector<std::string> rest;
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
