#include "common/compiler/response_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/compiler/driver_options.h"

namespace extfarm {
namespace {

using Words = std::vector<std::string>;

class ResponseFile : public testing::Test {
 protected:
  ResponseFile() { std::filesystem::create_directories(folder_); }
  ~ResponseFile() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  Result<ExpandedCommand> expand(const Words& argv) const { return expand_response_files(argv, folder_, PosixFilesystem()); }

  std::string folder_ =
      std::filesystem::temp_directory_path().string() + "/extfarm-response-" + std::to_string(::getpid());
};

TEST(ResponseFileWords, BlanksSeparateAndQuotesAndBackslashesKeep) {
  EXPECT_EQ(words_of_response_file(" -c\t'a b.c'\n-D\"X=1 2\" \\\"q\\ r '' "),
            (Words{"-c", "a b.c", "-DX=1 2", "\"q r", ""}));
  EXPECT_EQ(words_of_response_file("'it\\'s'"), Words{"it's"});
}

TEST_F(ResponseFile, SaysItsWordsInPlaceAlsoNested) {
  write("outer", "-c @inner");
  write("inner", "-O1 a.c");
  const auto expanded = expand({"gcc", "@outer", "-g"});
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(expanded->argv, (Words{"gcc", "-c", "-O1", "a.c", "-g"}));
  EXPECT_EQ(expanded->files, (Words{folder_ + "/outer", folder_ + "/inner"}));
}

TEST_F(ResponseFile, AMissingOneIsAWordAndOneInAnOptionsValueToo) {
  write("there", "-O3");
  EXPECT_EQ(expand({"gcc", "@absent", "-DX=@there"})->argv, (Words{"gcc", "@absent", "-DX=@there"}));
}

TEST_F(ResponseFile, OneThatNamesItselfIsAnError) {
  write("loop", "-c @loop");
  EXPECT_FALSE(expand({"gcc", "@loop"}));
}

TEST_F(ResponseFile, TheProgramsOwnNameIsNone) {
  write("empty", "");
  EXPECT_EQ(expand({"@empty"})->argv, Words{"@empty"});
}

TEST_F(ResponseFile, ADeviceOrAPipeIsAnErrorAndIsNotRead) {
  const auto endless = expand({"gcc", "@/dev/zero"});
  ASSERT_FALSE(endless);
  EXPECT_NE(endless.error().message.find("/dev/zero"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(expand({"gcc", "@pipe"}));  // opening it would wait for a writer
}

TEST_F(ResponseFile, AFolderIsAWord) { EXPECT_EQ(expand({"gcc", "@."})->argv, (Words{"gcc", "@."})); }

TEST_F(ResponseFile, ANulByteInOneIsAnError) {
  write("nul", std::string("-wrapper\0x a", 12));
  EXPECT_FALSE(expand({"gcc", "@nul"}));
}

// Each is within the limits for one file; together they would be held at once.
TEST_F(ResponseFile, NestedOnesAreReadUpToALimit) {
  constexpr std::size_t kSize = 1 << 20;
  class Nested : public PosixFilesystem {
   public:
    std::optional<FileStamp> stat(const std::string&) const override {
      FileStamp out;
      out.is_regular = true;
      out.size_bytes = kSize;
      return out;
    }
    Result<std::string> read(const std::string& path) const override {
      read_bytes += kSize;
      std::string text = "@" + path + "x";
      text.resize(kSize, ' ');
      return text;
    }
    mutable std::size_t read_bytes = 0;
  };
  const Nested files;
  EXPECT_FALSE(expand_response_files({"gcc", "@a"}, folder_, files));
  EXPECT_LE(files.read_bytes, 16u << 20);
}

std::string loaded(const Words& argv) {
  std::string out;
  for (const auto& code : loaded_code(argv)) out += code.option + ":" + code.path + " ";
  return out;
}

TEST(LoadedCode, IsFoundInEverySpelling) {
  EXPECT_EQ(loaded({"gcc", "-specs=a", "--specs=b", "-wrapper", "gdb,--args", "-Bc", "-B", "d"}),
            "-specs:a --specs:b -wrapper:gdb -B:c -B:d ");
  EXPECT_EQ(loaded({"clang", "-fplugin=a.so", "-fpass-plugin=b.so", "-Xclang", "-load", "-Xclang", "c.so"}),
            "-fplugin:a.so -fpass-plugin:b.so -load:c.so ");
  EXPECT_EQ(loaded({"clang", "-mllvm", "-load=d.so", "--ld-path=/x/ld", "-fuse-ld=/y/ld", "--config", "e.cfg"}),
            "-load:d.so --ld-path:/x/ld -fuse-ld:/y/ld --config:e.cfg ");
  EXPECT_EQ(loaded({"gcc", "-Wl,-plugin,a.so", "-Xlinker", "--plugin=b.so", "-Wp,-fplugin=c.so", "-Wl,@d"}),
            "-plugin:a.so --plugin:b.so -fplugin:c.so @:d ");
  EXPECT_EQ(loaded({"gcc", "--prefix=a/", "--prefix", "b/", "--for-linker=-plugin", "--for-linker=c.so"}),
            "--prefix:a/ --prefix:b/ -plugin:c.so ");
  EXPECT_EQ(loaded({"gcc", "-fcompare-debug=-fplugin=a.so", "-fmodule-mapper=|b c", "-fmodule-mapper=names.txt"}),
            "-fcompare-debug:-fplugin=a.so -fmodule-mapper:b c ");
}

TEST(LoadedCode, OrdinaryOptionsLoadNothing) {
  EXPECT_EQ(loaded({"gcc", "-c", "-DB=/x", "-fuse-ld=gold", "-Wl,-Bsymbolic", "-fplugin-arg-x-y=/z", "a.c"}), "");
  EXPECT_EQ(loaded({"gcc", "--sysroot=/x", "-c", "a.c"}), "");
  EXPECT_EQ(loaded({"/usr/bin/clang", "--sysroot=/x", "-c", "a.c"}), "--sysroot:/x ");
}

TEST(NamedPaths, AreWhatOptionsWriteAndRead) {
  const auto paths = named_paths({"gcc", "-MF", "a.d", "-Wa,-ahl=b.list,--MD,c.d", "-Wl,-Map,d.map", "-J", "mods",
                                  "-D", "-MFwrong", "-fprofile-use=p.gcda", "-Wp,-MD,e.d", "-fopt-info-vec=f"});
  EXPECT_EQ(paths.written, (Words{"a.d", "b.list", "c.d", "d.map", "mods/", "e.d", "f"}));
  EXPECT_EQ(paths.read, Words{"p.gcda"});
}

}  // namespace
}  // namespace extfarm
