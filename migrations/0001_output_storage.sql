-- Output is often incompressible; trying to compress it costs more than it saves.
ALTER TABLE "execution_output" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
