#include "common/compiler/include_lines.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

using Words = std::vector<std::string>;

// `"x.h"`, `<x.h>`, with a "?" behind a question.
Words shown(const std::vector<IncludeLine>& lines) {
  Words out;
  for (const auto& line : lines)
    out.push_back((line.is_quoted ? '"' + line.name + '"' : '<' + line.name + '>') + (line.is_question ? "?" : ""));
  return out;
}
Words lines_of(std::string_view source) { return shown(read_include_lines(source).lines); }

TEST(IncludeLines, AnIncludeIsFoundHoweverItIsWritten) {
  for (const char* source :
       {"#include \"x.h\"", "\t# \finclude\v\"x.h\" // why", "/* one */ #include \"x.h\"", "more */ # /* two */ include/**/\"x.h\"",
        "%:include \"x.h\"", "?\?=include \"x.h\"", "#import \"x.h\"", "#include_next \"x.h\"\r\n", "#inc\\\nlude \\\r\n \"x.h\"",
        "#\\\ninclude \"x.h\"", "int a; /* */ /* */\n#include \"x.h\""})
    EXPECT_EQ(lines_of(source), Words{"\"x.h\""}) << source;
  EXPECT_EQ(lines_of("#include <a/b.h>\n#include \"c.h\"\nint x;"), (Words{"<a/b.h>", "\"c.h\""}));
  EXPECT_EQ(lines_of("// include \"x.h\"\n#define X\n#pragma once\n#undef include\n"), Words{});
}

TEST(IncludeLines, AnIncludeOfAMacroIsComputed) {
  EXPECT_TRUE(read_include_lines("#include CONFIG\n").has_computed);
  EXPECT_TRUE(read_include_lines("#include").has_computed);
  EXPECT_TRUE(read_include_lines("#include \\\n").has_computed);
  EXPECT_FALSE(read_include_lines("#include <x.h>\n").has_computed);
}

TEST(IncludeLines, AQuestionIsFoundInEveryLineOfItsCondition) {
  EXPECT_EQ(lines_of("#if __has_include(<x.h>)"), Words{"<x.h>?"});
  EXPECT_EQ(lines_of("#elif defined A && \\\n  __has_include_next ( \"x.h\" ) || __has_include(<y.h>)"), (Words{"\"x.h\"?", "<y.h>?"}));
  EXPECT_EQ(lines_of("#if HAS_HEADER(<x.h>)"), Words{"<x.h>?"});
  EXPECT_EQ(lines_of("#if (A < 1) && defined(__has_include) && B > 2"), Words{});
}

TEST(IncludeLines, AQuestionByAMacroMayMeanWhateverOneStandsFor) {
  for (const char* source :
       {"#if __has_include(CONFIG)", "#if defined A || \\\n__has_include (CONFIG)", "#define HAS(x) __has_include(x)",
        "#define has __has_include"})
    EXPECT_TRUE(read_include_lines(source).has_computed_question) << source;
  for (const char* source : {"#if __has_include(<x.h>)", "#ifdef __has_include", "#if !defined(__has_include)",
                             "#define __has_include(x) 0"})
    EXPECT_FALSE(read_include_lines(source).has_computed_question) << source;
  EXPECT_EQ(shown(read_include_lines("#define A <x.h>\n# define B \"y.h\"\n#define C 1\n#define D(x) x\n").defined),
            (Words{"<x.h>?", "\"y.h\"?"}));
  EXPECT_EQ(shown(defined_names({"gcc", "-DA=<x.h>", "-D", "B=\"y.h\"", "-DC=1", "-DD", "-std=c11"})), (Words{"<x.h>?", "\"y.h\"?"}));
}

TEST(IncludeLines, AnOptionMayIncludeWhatNoFileNames) {
  for (const Words& argv : {Words{"-include", "x.h"}, Words{"-imacrosx.h"}, Words{"-Wp,-include,x.h"}, Words{"@words"}})
    EXPECT_TRUE(includes_by_option(argv)) << argv.front();
  EXPECT_FALSE(includes_by_option({"gcc", "-Iinclude", "-Wp,-D,X", "-c", "a.c"}));
}

}  // namespace
}  // namespace extfarm
