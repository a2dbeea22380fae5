// `extfarm status`: the workers that have announced themselves; with --serve a
// page that shows the running build.
#pragma once

#include <optional>
#include <string>

namespace extfarm {

struct StatusOptions {
  std::string rendezvous;
  std::string folder;                // whose .extfarm is looked into
  std::optional<std::string> serve;  // --serve [ADDRESS:PORT]; empty text: the default
  bool to_network = false;           // --to-network: an address that others reach may be served
  bool as_json = false;              // without --serve
};

// The exit code.  With --serve it returns when INT or TERM has come.
int show_status(const StatusOptions&);

}  // namespace extfarm
