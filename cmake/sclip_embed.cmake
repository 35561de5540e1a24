# sclip_embed(OUTPUT SYMBOL FILE): writes OUTPUT, a C++ source that defines `const unsigned char sclip::SYMBOL[]` with
# the bytes of FILE.
function(sclip_embed output symbol file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  set(text "namespace sclip {\nextern const unsigned char ${symbol}[];\nconst unsigned char ${symbol}[] = {${bytes}};\n}\n")
  file(CONFIGURE OUTPUT ${output} CONTENT "${text}" @ONLY)
endfunction()
