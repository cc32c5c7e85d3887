# tekio_embed(OUTPUT HEADER NAMESPACE [NAME FILE]…): a source file that defines each NAME, a std::string_view that HEADER
# declares, as FILE's text. Made anew when a file changes.
function(tekio_embed output header namespace)
  set(text "// Made by cmake/TekioEmbed.cmake.\n#include \"${header}\"\n\nnamespace ${namespace} {\n\n")
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest name file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    file(READ ${file} content)
    string(APPEND text "const std::string_view ${name} = R\"~~~(${content})~~~\";\n\n")
  endwhile()
  file(CONFIGURE OUTPUT ${output} CONTENT "${text}}  // namespace ${namespace}\n" @ONLY)
endfunction()
