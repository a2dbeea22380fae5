# cmake -DFROM=FILE -DNAME=kName -DTO=FILE.cc -P embed_text.cmake: the text of a file as a constant of C++.
# A raw string: what a debugger or a diff shows of it is the file itself.
file(READ ${FROM} text)
if(text MATCHES "\\)embedded\"")
  message(FATAL_ERROR "${FROM} holds the words that end its constant")
endif()
file(WRITE ${TO} "#include <string_view>\n\nnamespace extfarm::embedded {\n"
     "extern const std::string_view ${NAME};\nconst std::string_view ${NAME} = R\"embedded(${text})embedded\";\n"
     "}  // namespace extfarm::embedded\n")
