DROP TABLE byteport.erasures, byteport.legal_holds, byteport.export_cursors, byteport.checkpoints;
DROP FUNCTION byteport.cursor_only_forward();
DROP FUNCTION byteport.checkpoints_only_grow();
