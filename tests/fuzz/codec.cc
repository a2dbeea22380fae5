// Protocol messages, both ways: bytes that decode are the bytes of a message
// that encodes and decodes to the same, and every message made here comes back.
#include "common/protocol/codec.h"

#include "tests/fuzz/input.h"

namespace extfarm {
namespace {

using namespace protocol;

template <class Decode>
void check_bytes(std::string_view bytes, const Decode& decode) {
  const auto message = decode(bytes);
  if (!message) {
    FARM_CHECK(message.error().code == ErrorCode::kMalformed && !message.error().message.empty());
    return;
  }
  const std::string again = encode(*message);
  const auto back = decode(again);
  FARM_CHECK(back && back->index() == message->index() && encode(*back) == again);
}

template <class Message, class Decode>
void check_message(const Message& message, const Decode& decode) {
  const std::string bytes = encode(message);
  const auto back = decode(bytes);
  FARM_CHECK(back && back->index() == message.index() && encode(*back) == bytes);
}

Digest digest_from(fuzz::Input& in) { return digest_of(in.text()); }

std::vector<std::string> texts_from(fuzz::Input& in) {
  std::vector<std::string> out(in.byte() % 4);
  for (auto& text : out) text = in.text();
  return out;
}

Action action_from(fuzz::Input& in) {
  Action out;
  out.id.value = in.number();
  out.kind = static_cast<ActionKind>(in.byte() % 5);
  out.group = in.text();
  out.argv = texts_from(in);
  out.program = in.text();
  for (auto& name : texts_from(in)) out.environment.emplace_back(std::move(name), in.text());
  out.cwd = in.text();
  out.stdin_bytes = in.text();
  out.inputs = texts_from(in);
  out.outputs = texts_from(in);
  out.view_roots = texts_from(in);
  for (auto& path : texts_from(in)) out.pinned.push_back({std::move(path), digest_from(in)});
  out.toolchain = {in.text(), texts_from(in)};
  out.toolchain_digest = digest_from(in);
  return out;
}

Outcome outcome_from(fuzz::Input& in) {
  Outcome out;
  out.outcome_class = static_cast<OutcomeClass>(in.byte() % (static_cast<int>(OutcomeClass::kGivenBack) + 1));
  out.exit_code = static_cast<int>(in.number());
  out.reason = in.text();
  out.stdout_bytes = in.text();
  out.stderr_bytes = in.text();
  out.run_time = Duration{static_cast<Duration::rep>(in.number())};
  out.cpu_time = Duration{static_cast<Duration::rep>(in.number())};
  out.peak_memory_bytes = in.number();
  for (auto& path : texts_from(in)) out.attestation.inputs.push_back({std::move(path), digest_from(in)});
  for (auto& path : texts_from(in)) {
    out.attestation.outputs.push_back({std::move(path), static_cast<OutputKind>(in.byte() % 4),
                                       static_cast<std::uint32_t>(in.number()), in.number(), digest_from(in),
                                       in.text()});
  }
  return out;
}

ToWorker to_worker_from(fuzz::Input& in) {
  const auto kind = in.byte() % std::variant_size_v<ToWorker>;
  const LeaseId lease{in.number()};
  if (kind == 0) {
    Hello hello{static_cast<std::uint32_t>(in.number()), in.number(), in.text(), in.text(), in.byte() % 2 != 0, {}};
    for (int left = in.byte() % 4; left > 0; --left) hello.leases_known.push_back(LeaseId{in.number()});
    return hello;
  }
  if (kind == 1) return ProbeToolchain{{in.text(), texts_from(in)}};
  if (kind == 2) return StartAction{lease, action_from(in)};
  if (kind == 3) return RevokeLease{lease};
  if (kind == 4) return FetchOutput{lease, static_cast<std::uint32_t>(in.number()), in.number(), in.number()};
  if (kind == 5) return InputBytes{lease, in.text(), in.number(), in.number(), in.byte() % 2 != 0, in.piece()};
  return Goodbye{};
}

ToCoordinator to_coordinator_from(fuzz::Input& in) {
  const auto kind = in.byte() % std::variant_size_v<ToCoordinator>;
  const LeaseId lease{in.number()};
  if (kind == 0) {
    Heartbeat beat;
    beat.version = static_cast<std::uint32_t>(in.number());
    beat.worker_epoch = in.number();
    beat.sequence = in.number();
    beat.worker_name = in.text();
    beat.host = in.text();
    beat.draining = in.byte() % 2 != 0;
    beat.knows_coordinator = in.byte() % 2 != 0;
    beat.measured_speed = in.number();
    beat.slots = static_cast<std::uint32_t>(in.number());
    beat.memory_bytes = in.number();
    for (int left = in.byte() % 4; left > 0; --left)
      beat.leases.push_back({LeaseId{in.number()}, static_cast<LeasePhase>(in.byte() % 3)});
    beat.total_slots = static_cast<std::uint32_t>(in.number());
    beat.offered_slots = static_cast<std::uint32_t>(in.number());
    beat.has_private_views = in.byte() % 2 != 0;
    for (auto* text : {&beat.offer_reason, &beat.view_reason, &beat.missing_confinement, &beat.scratch_folder}) *text = in.text();
    beat.free_scratch_bytes = in.number();
    beat.realtime_ns = static_cast<std::int64_t>(in.number());
    return beat;
  }
  if (kind == 1) {
    ToolchainProbed probed{{in.text(), texts_from(in)}, in.byte() % 2 != 0, digest_from(in), {}, in.text()};
    for (auto& name : texts_from(in)) probed.components.push_back({std::move(name), in.text(), digest_from(in)});
    return probed;
  }
  if (kind == 2) return Report{lease, outcome_from(in), texts_from(in)};
  if (kind == 3)
    return OutputChunk{lease, static_cast<std::uint32_t>(in.number()), in.number(), in.byte() % 2 != 0, in.piece()};
  return NeedInput{lease, in.text(), in.number()};
}

}  // namespace
}  // namespace extfarm

// The first byte says what the rest is: 0 bytes for a worker, 1 for a coordinator, 2 and 3 the making of a message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::Input in(data, size);
  switch (in.byte() % 4) {
    case 0: check_bytes(in.rest(), protocol::decode_to_worker); break;
    case 1: check_bytes(in.rest(), protocol::decode_to_coordinator); break;
    case 2: check_message(to_worker_from(in), protocol::decode_to_worker); break;
    default: check_message(to_coordinator_from(in), protocol::decode_to_coordinator);
  }
  return 0;
}
