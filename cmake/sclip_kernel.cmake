# sclip_kernel(NAME role...): declares the kernel in the folder NAME and what each of its roles goes into.
#   cpu    NAME_cpu.cpp    -> sclip_kernels      production code
#   ref    NAME_ref.cpp    -> sclip_kernels_ref  oracle in double precision, for tests only
#   test   NAME_test.cpp   -> sclip_kernel_tests
#   bench  NAME_bench.cpp  -> sclip_kernel_bench
# The contract NAME.h and every role named must be there, or configuring fails.
function(sclip_kernel name)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  if(NOT EXISTS ${folder}/${name}.h)
    message(FATAL_ERROR "kernel '${name}' has no contract: write kernels/${name}/${name}.h")
  endif()
  foreach(role IN ITEMS cpu ref test bench)
    if(NOT role IN_LIST ARGN)
      message(FATAL_ERROR "kernel '${name}' does not declare its role '${role}': see CONTRIBUTING.md, how to add a kernel")
    endif()
  endforeach()
  foreach(role IN LISTS ARGN)
    set(source ${folder}/${name}_${role}.cpp)
    if(NOT EXISTS ${source})
      message(FATAL_ERROR "kernel '${name}' lacks its role '${role}': write kernels/${name}/${name}_${role}.cpp")
    endif()
    if(role STREQUAL "cpu")
      target_sources(sclip_kernels PRIVATE ${source})
    elseif(role STREQUAL "ref")
      target_sources(sclip_kernels_ref PRIVATE ${source})
    elseif(role STREQUAL "test")
      set_property(GLOBAL APPEND PROPERTY SCLIP_KERNEL_TESTS ${source})
    elseif(role STREQUAL "bench")
      set_property(GLOBAL APPEND PROPERTY SCLIP_KERNEL_BENCHES ${source})
    else()
      message(FATAL_ERROR "kernel '${name}': unknown role '${role}'")
    endif()
  endforeach()
endfunction()
