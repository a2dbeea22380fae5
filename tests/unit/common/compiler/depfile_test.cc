#include "common/compiler/depfile.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

using Paths = std::vector<std::string>;

Paths parsed(std::string_view text) { return parse_depfile(text, "/w").value_or(Paths{"(malformed)"}); }

TEST(Depfile, RelativeNamesAreMadeAbsoluteAndEachComesOnce) {
  EXPECT_EQ(parsed("a.o: a.c h.h \\\n /usr/include/x.h ./h.h ../up.h\n"),
            (Paths{"/w/a.c", "/w/h.h", "/usr/include/x.h", "/up.h"}));
}

TEST(Depfile, AllRulesCountAndPhonyOnesAddNothing) {
  EXPECT_EQ(parsed("a.o b.o: a.c\nh.h:\nc.o: c.c\n\n"), (Paths{"/w/a.c", "/w/c.c"}));
}

TEST(Depfile, EscapesAreUndone) {
  EXPECT_EQ(parsed("a.o: with\\ blank.c hash\\#.h $$cash.h back\\slash.h two\\\\s.h\n"),
            (Paths{"/w/with blank.c", "/w/hash#.h", "/w/$cash.h", "/w/back\\slash.h", "/w/two\\\\s.h"}));
}

TEST(Depfile, CarriageReturnsEndLinesToo) {
  EXPECT_EQ(parsed("a.o: a.c \\\r\n h.h\r\n"), (Paths{"/w/a.c", "/w/h.h"}));
}

TEST(Depfile, AColonInAnInputOrTargetIsPartOfItsName) {
  EXPECT_EQ(parsed("d\\:a.o: x:y.h\n"), (Paths{"/w/x:y.h"}));
}

TEST(Depfile, AnEmptyFileHasNoInputs) { EXPECT_EQ(parsed(""), Paths{}); }

TEST(Depfile, ARuleWithoutAColonIsMalformedAndNamesItsLine) {
  const auto cut = parse_depfile("a.o: a.c\nb.o b.c \\\n h.h\n", "/w");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kMalformed);
  EXPECT_NE(cut.error().message.find("line 2"), std::string::npos) << cut.error().message;
}

TEST(Depfile, ANulByteIsMalformedAlsoInsideAName) {
  using namespace std::string_view_literals;
  for (const auto text : {"a.o: \\\n \0b.h\n"sv, "a.o: \\\n b\0.h\n"sv, "# a\nb\0: c\n"sv}) {
    const auto read = parse_depfile(text, "/w");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().message, "depfile line 2: a NUL byte");
  }
}

TEST(Depfile, TargetsAreReadLikeThePrerequisites) {
  const auto targets = parse_depfile_targets("jj/own.mod own\\ s.smod \\\n first.o: first.f90 x.mod\nx.h:\n", "/w");
  ASSERT_TRUE(targets) << targets.error().message;
  EXPECT_EQ(*targets, (std::vector<std::string>{"/w/jj/own.mod", "/w/own s.smod", "/w/first.o", "/w/x.h"}));
  EXPECT_FALSE(parse_depfile_targets("own.mod", "/w"));
}

}  // namespace
}  // namespace extfarm
