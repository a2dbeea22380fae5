// Results on their way home: objects of 5 MB, files of four workers, fetched in
// chunks, checked and published as a build does it; beside it, in turn, as many
// bytes in chunks of the same size through bare sockets.  Workers are processes
// of their own; processor time is that of all.  Says how much of the objects
// the coordinator held at most.
//   bench_results [--json FILE] [OBJECTS]
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/protocol/codec.h"
#include "common/transport/channel.h"
#include "coordinator/farm/publication.h"
#include "tests/bench/bare_sockets.h"
#include "tests/bench/far_ends.h"
#include "tests/bench/results.h"

namespace extfarm::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWorkers = 4;
constexpr std::uint32_t kSlots = 8;  // results that wait at each worker
constexpr std::uint64_t kObjectBytes = 5 << 20;
constexpr std::uint32_t kBareAtOnce = 4;  // as many chunks under way
constexpr int kRounds = 3;

// Bytes like those of an object: neither all alike nor random.
std::string sample_object() {
  std::string bytes(kObjectBytes, '\0');
  std::uint64_t x = 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) x = x * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = static_cast<char>(x >> (8 * (i % 8)));
  }
  return bytes;
}

void run_worker(const KeyPair& own, const std::string& client_key, const std::string& object, int descriptor) {
  auto channel = make_bound_channel("tcp://127.0.0.1:*", own, {client_key});
  if (!channel) fail(channel.error().message);
  FarEnds::tell(descriptor, (*channel)->bound_endpoint());
  std::vector<char> part(protocol::kChunkBytes);
  while (true) {
    (*channel)->wait(-1, std::chrono::seconds(1));
    while (auto envelope = (*channel)->receive()) {
      const auto message = protocol::decode_to_worker(envelope->bytes);
      if (!message) ::_exit(1);
      protocol::ToCoordinator answer = protocol::NeedInput{};  // to the first word: it is there
      if (const auto* fetch = std::get_if<protocol::FetchOutput>(&*message)) {
        if (!read_part(object, fetch->offset_bytes, {part.data(), fetch->length_bytes})) ::_exit(1);
        answer = protocol::OutputChunk{fetch->lease, fetch->output_index, fetch->offset_bytes, true,
                                       {part.data(), fetch->length_bytes}};
      }
      (*channel)->post(envelope->peer, [&](std::string& frame) { protocol::append(frame, answer); });
    }
  }
}

// The coordinator's side: a result is reported as soon as its worker's last but seven is home.
class Coordinator {
 public:
  Coordinator(const KeyPair& own, const KeyPair& worker, const FarEnds& workers, const fs::path& folder)
      : channel_(std::move(*make_connecting_channel(own))),
        digests_(filesystem_),
        publications_(digests_, [this](WorkerId to, const protocol::FetchOutput& fetch) {
          channel_->post(peers_[to.value], [&](std::string& frame) { protocol::append(frame, protocol::ToWorker{fetch}); });
        }),
        folder_(folder) {
    action_.view_roots = {folder.string()};
    digest_ = digest_of(sample_object());
    for (const auto& endpoint : workers.lines()) {
      const auto peer = channel_->connect("w" + std::to_string(peers_.size()), endpoint, worker.public_key);
      if (!peer) fail(peer.error().message);
      peers_.push_back(*peer);
    }
    std::vector<bool> there(peers_.size());
    while (!std::all_of(there.begin(), there.end(), [](bool yes) { return yes; })) {
      for (const auto& peer : peers_) static_cast<void>(channel_->send(peer, protocol::encode(protocol::ToWorker{protocol::Hello{}})));
      channel_->wait(-1, std::chrono::milliseconds(20));
      while (const auto envelope = channel_->receive()) there[std::stoull(envelope->peer.substr(1))] = true;
    }
  }

  void bring_home(std::uint64_t objects) {
    std::uint64_t begun = 0, home = 0;
    const auto begin = [&](std::size_t worker) {
      if (begun == objects) return;
      protocol::Report report{{++begun}, {}, {}};
      report.outcome.attestation.outputs.push_back(
          {path_of({begun}), OutputKind::kFile, 0644, kObjectBytes, digest_, ""});
      worker_of_[{begun}] = worker;
      publications_.begin(now(), WorkerId{worker}, action_, report);
    };
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      for (std::size_t worker = 0; worker < peers_.size(); ++worker) begin(worker);
    }
    while (home < objects) {
      channel_->wait(-1, std::chrono::milliseconds(200));
      while (auto envelope = channel_->receive()) {
        auto message = protocol::decode_to_coordinator(envelope->bytes);
        if (!message) fail(message.error().message);
        if (const auto* chunk = std::get_if<protocol::OutputChunk>(&*message))
          publications_.receive(now(), WorkerId{std::stoull(envelope->peer.substr(1))}, *chunk);
        held_bytes_ = std::max(held_bytes_, publications_.held_bytes());
      }
      publications_.advance(now());
      for (const auto& end : publications_.take_ends()) {
        if (end.failure) fail(end.reason);
        if (fs::file_size(path_of(end.lease)) != kObjectBytes) fail("an object is not whole");
        fs::remove(path_of(end.lease));
        ++home;
        begin(worker_of_[end.lease]);
      }
    }
  }
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  std::string path_of(LeaseId lease) const { return (folder_ / (std::to_string(lease.value) + ".o")).string(); }

  std::unique_ptr<ConnectingChannel> channel_;
  PosixFilesystem filesystem_;
  DigestCache digests_;
  Publications publications_;
  fs::path folder_;
  Action action_;
  Digest digest_;
  std::vector<PeerId> peers_;
  std::map<LeaseId, std::size_t> worker_of_;
  std::uint64_t held_bytes_ = 0;
};

struct Cost {
  double megabytes_per_second = 0, cpu_ms_per_megabyte = 0;
};

// Of moving so much by `move`, which returns how long that took, without its preparations.
template <class Move>
Cost cost_of(double megabytes, Move&& move) {
  const auto cpu = [] { return cpu_seconds() + cpu_seconds(RUSAGE_CHILDREN); };
  const double cpu_before = cpu();
  const double wall = move();
  return {megabytes / wall, 1e3 * (cpu() - cpu_before) / megabytes};
}

double move_barely(std::uint64_t objects) {
  BareSockets sockets(kWorkers, protocol::kChunkBytes);
  const std::string request = protocol::encode(protocol::ToWorker{protocol::FetchOutput{{1}, 0, 0, protocol::kChunkBytes}});
  const Timestamp began = now();
  sockets.exchange(request, objects * kObjectBytes / protocol::kChunkBytes, kBareAtOnce);
  return seconds(now() - began);
}

double bring_home(std::uint64_t objects, const fs::path& folder, std::uint64_t& held_bytes) {
  const std::string object = folder.string() + "/object";
  if (const auto bytes = sample_object(); !(std::ofstream(object, std::ios::binary) << bytes)) fail("cannot write " + object);
  const KeyPair own = make_key_pair(), worker = make_key_pair();
  FarEnds workers;
  for (std::size_t i = 0; i < kWorkers; ++i) workers.start([&](int fd) { run_worker(worker, own.public_key, object, fd); });
  Coordinator coordinator(own, worker, workers, folder);
  const Timestamp began = now();
  coordinator.bring_home(objects);
  held_bytes = coordinator.held_bytes();
  return seconds(now() - began);
}

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  const std::uint64_t objects = arguments.number(1000);
  std::string pattern = (fs::temp_directory_path() / "extfarm-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("no folder for the objects");
  std::printf("%lu objects of %lu MiB from %lu workers into %s; bare: the same chunks\n", static_cast<unsigned long>(objects),
              static_cast<unsigned long>(kObjectBytes >> 20), static_cast<unsigned long>(kWorkers), pattern.c_str());
  std::printf("%10s %10s %7s %11s %11s %7s %16s\n", "MB/s", "bare MB/s", "ratio", "CPU ms/MB", "bare ms/MB", "ratio", "held at most MiB");
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const double megabytes = static_cast<double>(objects * kObjectBytes) / 1e6;
  for (int i = 0; i < kRounds; ++i) {
    std::uint64_t held_bytes = 0;
    const Cost bare = cost_of(megabytes, [&] { return move_barely(objects); });
    const Cost home = cost_of(megabytes, [&] { return bring_home(objects, pattern, held_bytes); });
    const double ratio = home.megabytes_per_second / bare.megabytes_per_second;
    const double cpu_ratio = bare.cpu_ms_per_megabyte / home.cpu_ms_per_megabyte;
    std::printf("%10.0f %10.0f %7.2f %11.2f %11.2f %7.2f %16.1f\n", home.megabytes_per_second, bare.megabytes_per_second, ratio,
                home.cpu_ms_per_megabyte, bare.cpu_ms_per_megabyte, cpu_ratio, static_cast<double>(held_bytes) / (1 << 20));
    std::fflush(stdout);
    rows.push_back({{"megabytes_per_second", home.megabytes_per_second},
                    {"bare_megabytes_per_second", bare.megabytes_per_second},
                    {"ratio", ratio},
                    {"cpu_ms_per_megabyte", home.cpu_ms_per_megabyte},
                    {"bare_cpu_ms_per_megabyte", bare.cpu_ms_per_megabyte},
                    {"cpu_ratio", cpu_ratio},
                    {"held_bytes", held_bytes}});
  }
  fs::remove_all(pattern);
  write_results(arguments, {{"benchmark", "results"}, {"objects", objects}, {"object_bytes", kObjectBytes}, {"rounds", rows}});
}
