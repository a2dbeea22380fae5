// Reads and checks transcripts: lines "at SECONDS EVENT…", each followed by
// the commands expected, "  -> COMMAND…".  "deadline SECONDS|none" checks
// next_deadline().  '#' starts a comment.  Knows no event by name: a player
// turns a line's words into command lines.
//   EXTFARM_REWRITE_TRANSCRIPTS=1 writes what was said into the files; read the diff.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/timestamp.h"

namespace extfarm::transcripts {

// "heartbeat w1 slots=2" → words {"heartbeat","w1"}, values {slots: "2"}.
struct Line {
  std::vector<std::string> words;
  std::map<std::string, std::string> values;

  std::string value(const std::string& key, const std::string& otherwise) const {
    const auto it = values.find(key);
    return it == values.end() ? otherwise : it->second;
  }
  bool says(const std::string& word) const {
    return std::find(words.begin(), words.end(), word) != words.end();
  }
  // "a12" → 12
  std::uint64_t id(std::size_t position) const { return std::stoull(words.at(position).substr(1)); }
};

inline Line parse(std::istringstream& in) {
  Line line;
  for (std::string word; in >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      line.words.push_back(word);
    } else {
      line.values[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return line;
}

inline std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

// A core under test, as text.
struct Player {
  std::function<void(const Line& policy)> start;
  std::function<std::vector<std::string>(Timestamp, const Line& event)> handle;
  std::function<std::optional<Timestamp>()> next_deadline;
};

inline std::string in_seconds(Timestamp t) {
  std::ostringstream out;
  out << seconds(t.since_start);
  return out.str();
}

// The transcript as it should read, with the commands that really came.
inline std::string replay(const std::string& text, Player& player) {
  std::istringstream lines(text);
  std::string out;
  bool started = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string first;
    in >> first;
    if (first == "->") continue;
    if (first == "policy") {
      player.start(parse(in));
      started = true;
    } else if (first == "deadline") {
      const auto deadline = player.next_deadline();
      out += "deadline " + (deadline ? in_seconds(*deadline) : "none") + "\n";
      continue;
    }
    out += line + "\n";
    if (first != "at") continue;
    if (!started) player.start({});
    started = true;
    double when = 0;
    in >> when;
    for (const auto& command : player.handle({from_seconds(when)}, parse(in)))
      out += "  -> " + command + "\n";
  }
  return out;
}

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Paths of the transcripts whose names start with `prefix`, sorted.
inline std::vector<std::string> find(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".txt")) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline void rewrite_if_asked(const std::string& path, const std::string& replayed) {
  if (std::getenv("EXTFARM_REWRITE_TRANSCRIPTS") != nullptr) std::ofstream(path) << replayed;
}

}  // namespace extfarm::transcripts
