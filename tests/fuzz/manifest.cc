// Manifests: every step is complete and normal, and is the same when it is read alone.
#include "coordinator/manifest/manifest.h"

#include "coordinator/manifest/order.h"
#include "tests/fuzz/graph_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::check_graph(fuzz::text_of(data, size), manifest::read_manifest, manifest::read_manifest_step);
  return 0;
}
