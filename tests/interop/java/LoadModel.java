/*
 * A SavedModel's serving_default through TensorFlow's Java API: raw float32 in, raw float32 out.
 *
 * java -cp 'JARS/*' LoadModel.java DIR INPUT IN.bin N,H,W,C OUTPUT OUT.bin
 */
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;

public class LoadModel {
    public static void main(String[] args) throws Exception {
        long[] dims = Arrays.stream(args[3].split(",")).mapToLong(Long::parseLong).toArray();
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(args[2]))).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / 4];
        bytes.asFloatBuffer().get(values);
        try (SavedModelBundle model = SavedModelBundle.load(args[0], "serve");
                TFloat32 input = TFloat32.tensorOf(Shape.of(dims), DataBuffers.of(values));
                Result result = model.function("serving_default").call(Map.of(args[1], input))) {
            TFloat32 output = (TFloat32) result.get(args[4]).orElseThrow();
            float[] scores = new float[(int) output.size()];
            output.copyTo(DataBuffers.of(scores));
            ByteBuffer out = ByteBuffer.allocate(scores.length * 4).order(ByteOrder.LITTLE_ENDIAN);
            out.asFloatBuffer().put(scores);
            Files.write(Path.of(args[5]), out.array());
        }
    }
}
