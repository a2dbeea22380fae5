// What is kept between builds: bytes that can be read are written and read
// again to the same, and all others are said to be none.
#include "common/compiler/driver_answers.h"
#include "common/compiler/include_lines.h"
#include "coordinator/farm/action_record.h"
#include "coordinator/freshness/recorded.h"
#include "coordinator/freshness/watch_list.h"
#include "tests/fuzz/input.h"

namespace extfarm {
namespace {

template <class Read, class Write>
void check_round_trip(std::string_view bytes, const Read& read, const Write& write) {
  const auto value = read(bytes);
  if (!value) return;
  const std::string again = write(*value);
  const auto back = read(again);
  FARM_CHECK(back && write(*back) == again);
}

// `value` must outlive its text, so both go through functions of their own.
template <class Value>
std::string encoded(const Value& value) {
  return encode(value);
}
template <class Value>
std::string text_from(const Value& value) {
  return text_of(value);
}

std::optional<freshness::WatchList> watch_list_from(std::string_view bytes) {
  ByteReader in(bytes);
  auto out = freshness::WatchList::from(in);
  return in.is_done() ? std::optional(std::move(out)) : std::nullopt;
}
std::string bytes_of(const freshness::WatchList& list) {
  ByteWriter out;
  list.put_into(out);
  return out.take();
}

void check_recorded(std::string_view bytes) {
  check_round_trip(bytes, freshness::decode_recorded, encoded<freshness::Recorded>);
  const auto recorded = freshness::decode_recorded(bytes);
  if (recorded) FARM_CHECK(std::is_sorted(recorded->inputs.begin(), recorded->inputs.end()));
}

void check_action(std::string_view text) {
  check_round_trip(text, action_from, text_from<Action>);
  if (const auto action = action_from(text)) FARM_CHECK(!action->argv.empty());
}

}  // namespace
}  // namespace extfarm

// The first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::Input in(data, size);
  const auto kind = in.byte() % 8;
  const auto bytes = in.rest();
  const auto version_from = [](std::string_view text) { return freshness::decode_version(1, "/a", text); };
  switch (kind) {
    case 0: check_recorded(bytes); break;
    case 1: check_round_trip(bytes, version_from, encoded<freshness::FileVersion>); break;
    case 2: check_round_trip(bytes, freshness::decode_search, encoded<freshness::SearchFolders>); break;
    case 3: check_round_trip(bytes, watch_list_from, bytes_of); break;
    case 4: check_round_trip(bytes, decode_tool_memory, encoded<ToolMemory>); break;
    case 5: check_action(bytes); break;
    case 6: static_cast<void>(text_of(components_from(bytes))); break;
    default:
      const auto found = read_include_lines(bytes);
      for (const auto* lines : {&found.lines, &found.defined}) {
        for (const auto& line : *lines) FARM_CHECK(line.name.size() <= bytes.size());
      }
  }
  return 0;
}
