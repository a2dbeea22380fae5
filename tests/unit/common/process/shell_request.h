#pragma once

#include <string>

#include "common/process/process_runner.h"

namespace extfarm {

// What /bin/sh does with a script.
inline ProcessRequest shell(const std::string& script) {
  ProcessRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", script};
  request.environment = {{"PATH", "/usr/bin:/bin"}};
  request.cwd = "/";
  return request;
}

}  // namespace extfarm
