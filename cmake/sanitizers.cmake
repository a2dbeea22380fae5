# In a build with -fsanitize=… every program has tests/sanitizers/defaults.cc,
# and reports lie in the folder "reports" of the build.
set(EXTFARM_PATIENCE 1)  # by so much more time a whole build may take
if("${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=" AND NOT EXTFARM_FUZZ)
  set(EXTFARM_PATIENCE 5)
  add_library(sanitizer_defaults OBJECT ${CMAKE_SOURCE_DIR}/tests/sanitizers/defaults.cc)
  target_compile_definitions(sanitizer_defaults PRIVATE EXTFARM_REPORTS="${CMAKE_BINARY_DIR}/reports")
  link_libraries(sanitizer_defaults)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-maybe-uninitialized)  # false alarms in std::variant where checks are built in
  endif()
  if("${CMAKE_CXX_FLAGS}" MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # As shared libraries the two of gcc 12 have a log each, and only one of them is told where.
    add_link_options(-static-libasan -static-libubsan)
  endif()
endif()
