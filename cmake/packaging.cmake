# Manual pages and completions from the programs' own descriptions, what is installed where, and the Debian package.
# Below the prefix: the programs in bin, the plug-in in lib/extfarm/python, where `extfarm run` looks for it.
include(GNUInstallDirs)
set(made ${PROJECT_BINARY_DIR}/share)
set(documents)
find_program(GZIP gzip REQUIRED)

file(MAKE_DIRECTORY ${made}/man)
foreach(page extfarm extfarm-build extfarm-cc extfarm-run extfarm-verify extfarm-worker)
  set(source ${PROJECT_SOURCE_DIR}/doc/man/${page}.1.in)
  add_custom_command(OUTPUT ${made}/man/${page}.1 ${made}/man/${page}.1.gz
    COMMAND ${PROJECT_SOURCE_DIR}/doc/man/fill ${source} ${PROJECT_VERSION}
            $<TARGET_FILE:extfarm> $<TARGET_FILE:extfarm-worker> > ${made}/man/${page}.1
    COMMAND ${GZIP} -9nk -f ${made}/man/${page}.1
    DEPENDS ${source} ${PROJECT_SOURCE_DIR}/doc/man/fill extfarm extfarm-worker VERBATIM)
  list(APPEND documents ${made}/man/${page}.1)
  install(FILES ${made}/man/${page}.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()

# completion(PROGRAM WORD…): with these words the program prints the completion of the shell named behind them.
function(completion program)
  foreach(shell bash zsh fish)
    set(file ${made}/completions/${shell}/${program})
    file(MAKE_DIRECTORY ${made}/completions/${shell})
    add_custom_command(OUTPUT ${file} COMMAND ${program} ${ARGN} ${shell} > ${file} DEPENDS ${program} VERBATIM)
    list(APPEND documents ${file})
  endforeach()
  install(FILES ${made}/completions/bash/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/completions/zsh/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _${program})
  install(FILES ${made}/completions/fish/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME ${program}.fish)
  set(documents ${documents} PARENT_SCOPE)
endfunction()
completion(extfarm completions)
completion(extfarm-worker --completions)
# Debian wants a changelog in a form of its own, packed.
add_custom_command(OUTPUT ${made}/changelog.gz COMMAND ${GZIP} -9nc ${PROJECT_SOURCE_DIR}/scripts/debian/changelog > ${made}/changelog.gz
  DEPENDS scripts/debian/changelog VERBATIM)
list(APPEND documents ${made}/changelog.gz)
install(FILES ${made}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
add_custom_target(documents ALL DEPENDS ${documents})

install(TARGETS extfarm extfarm-worker extfarm-cc RUNTIME DESTINATION bin)
install(DIRECTORY python/extfarm DESTINATION lib/extfarm/python FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)
install(DIRECTORY python/extfarm-${PROJECT_VERSION}.dist-info DESTINATION lib/extfarm/python)
install(FILES python/sitecustomize.py DESTINATION lib/extfarm/python)
install(PROGRAMS scripts/start-workers DESTINATION lib/extfarm)
install(FILES README.md ARCHITECTURE.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY doc/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/doc FILES_MATCHING PATTERN "*.md" PATTERN "*.json" PATTERN man EXCLUDE)
install(FILES scripts/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES scripts/debian/sysusers.conf DESTINATION lib/sysusers.d RENAME extfarm.conf)
install(FILES scripts/debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME extfarm)
# The units name the program by its full path, which is known when it is installed.
foreach(kind system user)
  set(unit ${PROJECT_SOURCE_DIR}/scripts/systemd/extfarm-worker.service)
  if(kind STREQUAL user)
    set(unit ${PROJECT_SOURCE_DIR}/scripts/systemd/user/extfarm-worker.service)
  endif()
  install(CODE "
    file(READ \"${unit}\" text)
    string(REPLACE \"/opt/extfarm/bin/\" \"\${CMAKE_INSTALL_PREFIX}/bin/\" text \"\${text}\")
    file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/${kind}/extfarm-worker.service\" \"\${text}\")")
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME extfarm)
set(CPACK_PACKAGE_CONTACT "the extfarm authors <extfarm@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "build extensions on every machine of a lab")
set(CPACK_PACKAGE_DESCRIPTION "extfarm builds the C, C++, Cython and Fortran extensions of a project on
every machine of a lab that shares one filesystem. It runs during the
build, needs no resident scheduler, and changes not one byte of the result.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3:any")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "g++, python3-setuptools")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cython3, openssh-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/scripts/debian/postinst ${PROJECT_SOURCE_DIR}/scripts/debian/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
