"""The real projects that are built plainly and on lab hosts: where they come from and how each is built.

Commands run in the project's folder, by the shell; JOBS is the number of jobs.  `extfarm-cc` is named in both builds.
"""

import dataclasses

from real_sources import Npm, Packaged, Written

STAMP = "1700000000"
PYBIND_MODULE = """#include <map>
#include <string>
#include <vector>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
namespace py = pybind11;
std::map<std::string, int> count(const std::vector<std::string>& words);
PYBIND11_MODULE(NAME, module) { module.def("count", &count); }
"""
COUNT = """#include <map>
#include <string>
#include <vector>
std::map<std::string, int> count(const std::vector<std::string>& words) {
  std::map<std::string, int> out;
  for (const auto& word : words) ++out[word];
  return out;
}
"""
MESON_PYTHON = {
    "pyproject.toml": '[build-system]\nbuild-backend = "mesonpy"\nrequires = ["meson-python"]\n'
                      '[project]\nname = "counted"\nversion = "1.0"\n',
    "meson.build": "project('counted', 'c', 'cpp', version: '1.0', default_options: ['cpp_std=c++17'])\n"
                   "python = import('python').find_installation()\n"
                   "pybind = dependency('pybind11')\n"
                   "shared = static_library('shared', 'count.cpp', pic: true)\n"
                   "python.extension_module('_counted', 'module.cpp', link_with: shared, dependencies: pybind,\n"
                   "                        subdir: 'counted', install: true)\n"
                   "python.extension_module('_plain', 'plain.c', subdir: 'counted', install: true)\n"
                   "python.install_sources('counted/__init__.py', subdir: 'counted')\n",
    "counted/__init__.py": "from ._counted import count\nfrom . import _plain\n",
    "count.cpp": COUNT,
    "module.cpp": PYBIND_MODULE.replace("NAME", "_counted"),
    "plain.c": '#include <Python.h>\nstatic struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "_plain", 0, -1, 0};\n'
               "PyMODINIT_FUNC PyInit__plain(void) { return PyModule_Create(&def); }\n",
}
SCIKIT_BUILD = {
    "pyproject.toml": '[build-system]\nrequires = ["setuptools", "scikit-build", "cmake", "ninja"]\n'
                      'build-backend = "setuptools.build_meta"\n',
    "setup.py": 'from skbuild import setup\nsetup(name="counted", version="1.0", packages=["counted"],\n'
                '      cmake_install_dir="counted")\n',
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.18)\nproject(counted CXX)\n"
                      "find_package(pybind11 REQUIRED CONFIG)\nadd_library(shared STATIC count.cpp)\n"
                      "set_target_properties(shared PROPERTIES POSITION_INDEPENDENT_CODE ON)\n"
                      "pybind11_add_module(_counted MODULE module.cpp)\ntarget_link_libraries(_counted PRIVATE shared)\n"
                      # pybind11 compiles with -flto, which names sections at random.
                      "target_compile_options(_counted PRIVATE -frandom-seed=module)\n"
                      "install(TARGETS _counted LIBRARY DESTINATION .)\n",
    "counted/__init__.py": "from ._counted import count\n",
    "count.cpp": COUNT,
    "module.cpp": PYBIND_MODULE.replace("NAME", "_counted"),
}
XORG_OPTIONS = ("-Dxorg=false -Dglamor=false -Dxnest=false -Dglx=false -Ddri1=false -Ddri2=false -Ddri3=false "
                "-Dsecure-rpc=false -Dudev=false -Dudev_kms=false -Dpciaccess=false -Dhal=false -Dsystemd_logind=false "
                "-Dsha1=libmd -Dxvfb=true -Ddefault_font_path=/usr/share/fonts/X11/misc -Dxkb_dir=/usr/share/X11/xkb")
XORG = Packaged("xorg-server-source", "/usr/src/xorg-server.tar.xz")
# The one that is installed or that npm carries; with the headers of this machine's node nothing is fetched.
NODE_GYP = ('export HOME="$PWD/home"; npm=$(readlink -f "$(command -v npm)"); '
            'node "$(command -v node-gyp || echo "${npm%/bin/*}/node_modules/node-gyp/bin/node-gyp.js")"'
            " rebuild --nodedir=/usr -j JOBS")
CMAKE = "cmake -G Ninja -S . -B b " + " ".join(
    f"-DCMAKE_{language}_{step}_LAUNCHER=extfarm-cc" for language in ("C", "CXX") for step in ("COMPILER", "LINKER"))


@dataclasses.dataclass(frozen=True)
class Project:
    sources: object
    build: str
    options: tuple = ()  # more of extfarm run
    variables: dict = dataclasses.field(default_factory=dict)  # of both builds


PROJECTS = {
    "googletest": Project(Packaged("googletest", "/usr/src/googletest"), f"{CMAKE} -DBUILD_GMOCK=OFF && ninja -C b -j JOBS"),
    # CMake: a C library, its programs and tests; carried by an npm package.
    "opus": Project(Npm("audify", "1.10.1"), f"cd vendor/opus && {CMAKE} -DOPUS_BUILD_TESTING=ON -DOPUS_BUILD_PROGRAMS=ON"
                    " -DCMAKE_BUILD_TYPE=RelWithDebInfo && ninja -C b -j JOBS"),
    "xorg-fb": Project(XORG, f"meson setup b {XORG_OPTIONS} && ninja -C b -j JOBS fb/liblibxserver_fb.a",
                       variables={"CC": "extfarm-cc gcc"}),
    "xorg-server": Project(XORG, f"meson setup b {XORG_OPTIONS} && ninja -C b -j JOBS", variables={"CC": "extfarm-cc gcc"}),
    "binutils": Project(Packaged("binutils-source", "/usr/src/binutils/binutils-*.tar.xz"),
                        "mkdir b && cd b && ../configure --disable-nls --disable-gdb --disable-gprofng --without-zstd"
                        ' CC="extfarm-cc gcc" CXX="extfarm-cc g++" && make -j JOBS MAKEINFO=true all-gas all-ld'),
    "linux": Project(Packaged("linux-source-6.1", "/usr/src/linux-source-6.1.tar.xz"),
                     "make tinyconfig && make -j JOBS", ("--masquerade",),
                     {"KBUILD_BUILD_TIMESTAMP": "2024-01-01", "KBUILD_BUILD_USER": "user", "KBUILD_BUILD_HOST": "host"}),
    "bufferutil": Project(Npm("bufferutil", "4.1.0"), NODE_GYP, ("--masquerade",)),
    "better-sqlite3": Project(Npm("better-sqlite3", "12.11.1"), NODE_GYP, ("--masquerade",)),
    "meson-python": Project(Written(MESON_PYTHON),
                            "/usr/bin/python3 -m build --wheel --no-isolation --skip-dependency-check -Cbuilddir=b",
                            variables={"SOURCE_DATE_EPOCH": STAMP, "CC": "extfarm-cc gcc", "CXX": "extfarm-cc g++"}),
    "scikit-build": Project(Written(SCIKIT_BUILD),
                            "/usr/bin/python3 -m build --wheel --no-isolation --skip-dependency-check",
                            variables={"SOURCE_DATE_EPOCH": STAMP, "CMAKE_CXX_COMPILER_LAUNCHER": "extfarm-cc",
                                       "CMAKE_CXX_LINKER_LAUNCHER": "extfarm-cc"}),
}
