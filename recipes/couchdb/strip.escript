%% Takes out of the compiled modules below a folder what only a debugger or a reader needs, and leaves them uncompressed: an
%% archive of them is smaller so, and they are loaded faster.
main([Folder]) ->
    Files = filelib:wildcard(filename:join(Folder, "**/*.beam")),
    lists:foreach(fun strip/1, Files),
    io:format("~b modules~n", [length(Files)]).

strip(File) ->
    {ok, Bytes} = file:read_file(File),
    {ok, {_, Stripped}} = beam_lib:strip(Bytes),
    ok = file:write_file(File, plain(Stripped)).

plain(<<31, 139, _/binary>> = Compressed) -> zlib:gunzip(Compressed);
plain(Plain) -> Plain.
